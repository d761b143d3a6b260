"""`percentage`: a rate and a fixed amount on every transaction, with free ones first and a clamp on each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from billing.money import plain
from billing.rating import explanation
from billing.rating.reading import Fields, ordered
from billing.rating.steps import ZERO, Step, Usage, step


@dataclass(slots=True)
class _Tally:
    """What the transactions of one question came to, so that ten thousand of them make five steps."""

    charged: Decimal = ZERO
    count: int = 0
    free_amount: Decimal = ZERO
    free_count: int = 0
    raised: Decimal = ZERO
    raised_count: int = 0
    cut: Decimal = ZERO
    cut_count: int = 0


@dataclass(slots=True)
class _Free:
    """The free limits as they run out; None is a limit that is not set."""

    count: int | None
    amount: Decimal | None

    def take(self, transaction: Decimal) -> Decimal:
        """Return how much of a transaction is free; all of it only while both limits last."""
        lasts = (self.count is None or self.count > 0) and (self.amount is None or self.amount > 0)
        if not lasts or (self.count is None and self.amount is None):
            return ZERO
        free = transaction if self.amount is None else min(transaction, self.amount)
        if self.amount is not None:
            self.amount -= free
        if self.count is not None:
            self.count -= 1
        return free


@dataclass(frozen=True, slots=True)
class Percentage:
    """Per transaction: rate × amount + fixed_amount, at least min_amount and at most max_amount."""

    model: ClassVar[str] = "percentage"
    keys: ClassVar[frozenset[str]] = frozenset(
        {"rate", "fixed_amount", "free_amount", "free_count", "min_amount", "max_amount"}
    )

    rate: Decimal
    fixed_amount: Decimal = ZERO
    free_amount: Decimal | None = None
    free_count: int | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None

    @classmethod
    def read(cls, fields: Fields) -> Percentage:
        """Read the parameters; a lowest charge above the highest is refused."""
        low, high = fields.optional("min_amount"), fields.optional("max_amount")
        ordered(fields, "min_amount", low, "max_amount", high)
        return cls(
            rate=fields.decimal("rate"),
            fixed_amount=fields.optional("fixed_amount") or ZERO,
            free_amount=fields.optional("free_amount"),
            free_count=fields.count("free_count"),
            min_amount=low,
            max_amount=high,
        )

    def to_json(self) -> dict[str, object]:
        """Return the parameters."""
        written: dict[str, object] = {"rate": plain(self.rate), "fixed_amount": plain(self.fixed_amount)}
        for key in ("free_amount", "min_amount", "max_amount"):
            if (value := getattr(self, key)) is not None:
                written[key] = plain(value)
        return written if self.free_count is None else {**written, "free_count": str(self.free_count)}

    def steps(self, usage: Usage) -> list[Step]:
        """Return the rate, what was free, the fixed amounts, and what the clamps added and took."""
        tally, words = self._tally(usage), usage.words
        head = explanation.measured(words, usage.quantity, usage.included, usage.paid, in_money=True)
        text = explanation.share_of(words, tally.charged, self.rate)
        steps = [step((head[0] + text[0], head[1] + text[1]), "rate", self.rate, tally.charged)]
        if tally.free_amount:
            told = explanation.free(words, tally.free_count, tally.free_amount)
            steps.append(step(told, "free", ZERO, tally.free_amount))
        if self.fixed_amount and tally.count:
            told = explanation.fixed(words, tally.count, self.fixed_amount)
            steps.append(step(told, "fixed", self.fixed_amount, Decimal(tally.count)))
        if tally.raised and self.min_amount is not None:
            steps.append(step(explanation.lowest(words, tally.raised_count, self.min_amount), "lowest", tally.raised))
        if tally.cut and self.max_amount is not None:
            steps.append(step(explanation.highest(words, tally.cut_count, self.max_amount), "highest", -tally.cut))
        return steps

    def _tally(self, usage: Usage) -> _Tally:
        tally, free = _Tally(), _Free(self.free_count, self.free_amount)
        for transaction in _after_included(usage):
            unpaid = free.take(transaction)
            tally.free_amount += unpaid
            if unpaid == transaction:
                tally.free_count += 1
                continue
            self._charge(transaction - unpaid, tally)
        return tally

    def _charge(self, amount: Decimal, tally: _Tally) -> None:
        fee = self.rate * amount + self.fixed_amount
        tally.charged += amount
        tally.count += 1
        if self.min_amount is not None and fee < self.min_amount:
            tally.raised += self.min_amount - fee
            tally.raised_count += 1
        elif self.max_amount is not None and fee > self.max_amount:
            tally.cut += fee - self.max_amount
            tally.cut_count += 1


def _after_included(usage: Usage) -> Iterator[Decimal]:
    """Yield what is left of each transaction after the included amount came off the first ones; never a zero."""
    left = usage.included
    for transaction in (usage.quantity,) if usage.transactions is None else usage.transactions:
        off = min(left, transaction)
        left -= off
        if transaction > off:
            yield transaction - off
