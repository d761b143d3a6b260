"""A provider whose statements say what a test lets them say; orders and refunds are the simulated provider's."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from invoices import checking, reconciling, statements
from invoices.models import ProviderAccount, ReconciledDay, StatementRow
from invoices.providers import gateways
from invoices.providers.port import NoAnswer, StatementLine
from invoices.providers.simulated import Simulated
from tests import shop

DAY = date(2026, 2, 3)
NEXT = date(2026, 2, 4)
READY = shop.at("2026-02-04 10:15")


@dataclass(slots=True)
class Stating:
    """Statements by day: added, left out or changed lines beside what was really paid."""

    simulated: Simulated
    extra: dict[date, list[StatementLine]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    changed: dict[str, dict] = field(default_factory=dict)
    not_ready: bool = False
    asked: list[date] = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.simulated, name)

    def statement(self, day: date) -> list[StatementLine]:
        self.asked.append(day)
        if self.not_ready:
            raise NoAnswer
        paid = [one for one in self.simulated.statement(day) if one.reference not in self.hidden]
        paid = [replace(one, **self.changed.get(one.reference, {})) for one in paid]
        return [*paid, *self.extra.get(day, [])]


@contextmanager
def stating(simulation):
    """Let statements of a seller's Alipay come from the returned provider."""
    made: dict[tuple[int, str], Stating] = {}

    def choose(seller, provider):
        return made.setdefault((seller.pk, provider), Stating(simulation(seller, provider)))

    with gateways.using(choose):
        yield choose


def account(seller, provider: str = "alipay", changed: str = "2026-02-01 09:00") -> ProviderAccount:
    return ProviderAccount.objects.create(
        seller=seller,
        provider=provider,
        app_id="1",
        merchant="1",
        secrets="-",
        fingerprint="-",
        changed_at=shop.at(changed),
    )


def line(
    reference: str, amount: int, when: str = "2026-02-03 10:05", *, fee: int = 0, refund: bool = False, number: str = ""
):
    return StatementLine(reference, number or f"P-{reference}", amount, fee, shop.at(when), refund, "")


def compared(seller, day: date = DAY, *, at: datetime = READY, provider: str = "alipay") -> ReconciledDay:
    """Fetch a day and compare it; the books stay right."""
    statements.fetch(seller, provider, day, at=at)
    found = reconciling.compare(seller, provider, day, "CNY", at=at)
    assert not list(checking.faults())
    return found


def open_rows() -> list[StatementRow]:
    return list(StatementRow.objects.filter(state__in=reconciling.OPEN).order_by("pk"))


def sums(day: ReconciledDay) -> tuple[str, int, int, int]:
    day.refresh_from_db()
    return day.state, day.statement_minor, day.payments_minor, day.ledger_minor
