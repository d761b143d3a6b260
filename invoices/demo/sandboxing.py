"""The demo's sellers take money through the payment sandbox: their accounts there, and what it remembers of the year."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.models import Q

from invoices.demo.reading import read
from invoices.models import Mandate, Payment, ProviderAccount, Refund
from invoices.providers import accounts
from invoices.providers.sandbox import keys, records
from invoices.providers.sandbox.keys import Keys
from invoices.providers.sandbox.store import Store
from tenants.models import Seller

PROVIDERS = ProviderAccount.Provider.values
# What the sandbox calls an order of each product; every other one is a code.
KINDS: Mapping[str, str] = {Payment.Product.DEBIT: "debit", Payment.Product.PAGE: "page"}
Free = Callable[[int], int]


@dataclass(frozen=True)
class Sandbox:
    """Where the sandbox keeps what it knows, and its keys by seller."""

    folder: Path
    keys: Mapping[str, Keys]

    @property
    def gateways(self) -> list[str]:
        """Return the addresses of all gateways, as PAYMENT_GATEWAYS has them."""
        return [
            said["gateway"] for mine in self.keys.values() for said in keys.account(mine, keys.base_of(mine)).values()
        ]

    @property
    def pages(self) -> list[str]:
        """Return the addresses at which a person sees what the sandbox knows."""
        return [f"{keys.base_of(mine)}/" for mine in self.keys.values()]


def ready(folder: Path, free: Free) -> Sandbox:
    """Return the sandbox, its keys made where there are none, on ports of which `free` says that nobody listens there."""
    found: dict[str, Keys] = {}
    for said in read("sellers"):
        mine = keys.of_merchant(folder, said["code"])
        taken = [other.port for other in found.values()]
        port = free(max([mine.port, *(number + 1 for number in taken if number >= mine.port)]))
        if port != mine.port:
            mine = replace(mine, port=port)
            keys.keep(folder, said["code"], mine)
        found[said["code"]] = mine
    return Sandbox(folder, found)


@contextmanager
def let_in(gateways: Sequence[str]) -> Iterator[None]:
    """Let accounts of this process use these addresses too."""
    before = settings.PAYMENT_GATEWAYS
    settings.PAYMENT_GATEWAYS = [*before, *gateways]
    try:
        yield
    finally:
        settings.PAYMENT_GATEWAYS = before


def open_accounts(held: Mapping[str, Keys], *, at: datetime) -> None:
    """Give each seller accounts at both providers; those that are right already stay as they are."""
    for seller in Seller.objects.filter(code__in=held).order_by("pk"):
        for provider, said in keys.account(held[seller.code], keys.base_of(held[seller.code])).items():
            same = {name: said[name] for name in ("app_id", "merchant", "plan", "gateway")}
            if not ProviderAccount.objects.filter(seller=seller, provider=provider, **same).exists():
                accounts.set_up(seller, provider, **said, at=at, by=None)


def remember(sandbox: Sandbox) -> None:
    """Let the sandbox know the payments, agreements and refunds of the year, so that they can be asked for and paid back."""
    for seller in Seller.objects.filter(code__in=sandbox.keys).order_by("pk"):
        store = Store(sandbox.folder / seller.code / "records.sqlite")
        mine = Payment.objects.filter(seller=seller, provider__in=PROVIDERS).exclude(finished_at=None)
        paid = mine.filter(Q(status=Payment.Status.SUCCEEDED) | Q(status=Payment.Status.REFUNDED))
        signed = Mandate.objects.filter(seller=seller, status=Mandate.Status.ACTIVE).order_by("pk")
        arrived = Refund.objects.filter(seller=seller, payment__in=paid, status=Refund.Status.SUCCEEDED)
        store.keep(*(_order(one) for one in paid.select_related("mandate").order_by("pk")))
        store.keep(*(_contract(one, sandbox.keys[seller.code]) for one in signed))
        store.keep(*(_refund(one) for one in arrived.exclude(sent_at=None).select_related("payment").order_by("pk")))
        store.close()


def _order(payment: Payment) -> records.Order:
    at = payment.finished_at
    assert at is not None
    return records.Order(
        provider=payment.provider,
        number=payment.reference,
        kind=KINDS.get(payment.product, "code"),
        state="paid",
        minor=payment.amount_minor,
        subject=payment.reference,
        token=f"paid-{payment.pk}",
        notify_url="",
        opened_at=payment.recorded_at,
        code_at=payment.recorded_at,
        trade_no=payment.provider_number,
        paid_at=at,
        payer=payment.payer_name,
        contract_no=payment.mandate.provider_number if payment.mandate else "",
        period=f"{at:%Y-%m-%d}" if payment.mandate else "",
    )


def _contract(mandate: Mandate, mine: Keys) -> records.Contract:
    told = keys.account(mine, "")[mandate.provider]
    return records.Contract(
        provider=mandate.provider,
        number=mandate.number,
        state="signed",
        token=f"signed-{mandate.pk}",
        name=mandate.number,
        notify_url="",
        opened_at=mandate.created_at,
        product="CYCLE_PAY_AUTH_P" if mandate.provider == Mandate.Provider.ALIPAY else "",
        plan=told["plan"],
        contract_no=mandate.provider_number,
        payer=mandate.payer_masked,
        signed_at=mandate.signed_at,
        period_type="MONTH" if mandate.every_months else "",
        period=mandate.every_months or 0,
        execute_on=mandate.execute_on.isoformat() if mandate.execute_on else "",
        single_minor=mandate.single_minor,
        serial=str(mandate.pk),
    )


def _refund(refund: Refund) -> records.Refund:
    assert refund.payment is not None
    assert refund.sent_at is not None
    return records.Refund(
        provider=refund.payment.provider,
        number=refund.reference,
        order_key=f"{refund.payment.provider}:{refund.payment.reference}",
        minor=refund.amount_minor,
        reason=refund.reason,
        refund_no=refund.provider_number,
        asked_at=refund.sent_at,
        state="done",
        done_at=refund.arrived_at,
    )
