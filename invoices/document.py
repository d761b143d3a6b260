"""What is printed on a bill or a credit note: frozen values, complete before anything is typeset.

The values are copies of the frozen rows of an issued document; nothing here is computed from a price. Amounts are
integers of minor units, quantities and unit prices exact Decimals; how they are written is the template's affair.
A document that does not add up cannot be made: it would be printed, mailed and kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["invoice", "credit_note"]
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class DoesNotAddUp(ValueError):
    """The sums of a document are not the sums of its lines. A mistake of the program, never of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Seller or buyer as frozen on the document. Empty text is not printed.

    `brand`, `mark` (one character) and `colour` (`#rrggbb`) are the seller's look; a buyer has none.
    """

    legal_name: str
    tax_number: str = ""
    address: str = ""
    phone: str = ""
    bank_name: str = ""
    bank_account: str = ""
    brand: str = ""
    mark: str = ""
    colour: str = "#1f4e8c"

    def __post_init__(self) -> None:
        if not COLOUR.fullmatch(self.colour):
            raise ValueError(f"not a colour as #1f4e8c: {self.colour!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days in the buyer's zone, the last one included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a price (CONTRACTS §1). `amount` is exact and unrounded, in units of the currency."""

    text: str
    amount: Decimal
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was measured, what of it was included, what packs covered, what was paid for; `daily` is the count of each day."""

    measured: Decimal
    included: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    covered: Decimal = Decimal(0)
    daily: tuple[tuple[date, Decimal], ...] = ()

    @property
    def less_included(self) -> Decimal:
        return -self.included

    @property
    def less_covered(self) -> Decimal:
        return -self.covered


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """What was taken off a line and why; the amount is positive on a charge."""

    cause: str
    amount_minor: int

    @property
    def taken_off_minor(self) -> int:
        return -self.amount_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """One line. `amount_minor` is before discount; on a credit note all amounts are positive, as the law has it.

    `unit_price` is None where one price does not tell it (tiers, a minimum): then the explanation does.
    `tax_minor` is the tax of the discounted amount. `note` is a second grey line, such as the days counted.
    """

    name: str
    quantity: Decimal
    amount_minor: int
    unit: str = ""
    unit_price: Decimal | None = None
    period: Period | None = None
    note: str = ""
    discounts: tuple[Discount, ...] = ()
    tax_rate: Decimal = Decimal(0)
    tax_minor: int = 0
    explanation: tuple[Step, ...] = ()
    usage: Usage | None = None

    @property
    def discount_minor(self) -> int:
        return sum(discount.amount_minor for discount in self.discounts)

    @property
    def discounted_minor(self) -> int:
        return self.amount_minor - self.discount_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """The tax at one rate: what it was reckoned on (without tax) and how much it is."""

    rate: Decimal
    net_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTransfer:
    """Where to pay, and the words that the payer must put into the remark so that we know whose it is."""

    account_name: str
    bank_name: str
    bank_account: str
    remark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDocument:
    """A bill or a credit note, whole.

    `net_minor` is the total without tax; `credited_minor` is what credit notes have taken off since; `status` is the
    state's word in the document's `language` (`zh-Hans` or `en`); `capitals` the total in capitals (Chinese documents, empty otherwise).
    A credit note names the invoice that it answers in `refers_to` and why in `reason`.
    """

    kind: Kind
    language: str
    number: str
    status: str
    issue_date: date
    seller: Party
    buyer: Party
    currency: str
    lines: tuple[DocumentLine, ...]
    subtotal_minor: int
    discount_minor: int
    net_minor: int
    taxes: tuple[Tax, ...]
    total_minor: int
    tax_included: bool = True
    credited_minor: int = 0
    paid_minor: int = 0
    due_minor: int = 0
    title: str = ""
    due_date: date | None = None
    period: Period | None = None
    capitals: str = ""
    purchase_order: str = ""
    cost_centre: str = ""
    transfer: BankTransfer | None = None
    notes: tuple[str, ...] = ()
    verification_code: str = ""
    refers_to: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.language.lower() not in ("zh-hans", "en") or self.kind not in ("invoice", "credit_note"):
            raise ValueError(f"no such document: {self.kind!r} in {self.language!r}")
        for what, stated, summed in self._sums():
            if stated != summed:
                raise DoesNotAddUp(f"{self.number}: {what} is {stated}, its parts make {summed}")

    def _sums(self) -> Iterator[tuple[str, int, int]]:
        added = 0 if self.tax_included else self.tax_minor
        yield "subtotal", self.subtotal_minor, sum(line.amount_minor for line in self.lines)
        yield "discount", self.discount_minor, sum(line.discount_minor for line in self.lines)
        yield "tax", self.tax_minor, sum(line.tax_minor for line in self.lines)
        yield "total", self.total_minor, self.subtotal_minor - self.discount_minor + added
        yield "net", self.net_minor, self.total_minor - self.tax_minor
        if self.kind == "invoice":
            yield "due", self.due_minor, self.total_minor - self.credited_minor - self.paid_minor

    @property
    def tax_minor(self) -> int:
        return sum(tax.tax_minor for tax in self.taxes)

    @property
    def taken_off_minor(self) -> int:
        return -self.discount_minor

    @property
    def less_credited_minor(self) -> int:
        return -self.credited_minor

    @property
    def less_paid_minor(self) -> int:
        return -self.paid_minor

    @property
    def explained(self) -> tuple[DocumentLine, ...]:
        """The lines that have something to explain."""
        return tuple(line for line in self.lines if line.explanation or line.usage)

    def texts(self) -> Iterator[str]:
        """Every text that somebody wrote and that will be printed."""
        yield from texts_of(self)


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from texts_of(part)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts_of(getattr(value, field.name))
