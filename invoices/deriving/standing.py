"""On what a charge stands: the clause of the contract, with the version, list or quote it comes from, and who accepted it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing import contracts
from billing.models import (
    Acceptance,
    Change,
    Charge,
    FormerTerms,
    NegotiatedPrice,
    PriceListEntry,
    Subscription,
)
from billing.terms import Clause, Contract, Stretch, part_of
from invoices.models import Quote
from tenants.bulk import among
from usage.periods import local_midnight


@dataclass(frozen=True, slots=True)
class Standing:
    """A charge with its contract; `clause` is None for what no single price makes, `change` for what no change made."""

    charge: Charge
    subscription: Subscription
    contract: Contract
    stretch: Stretch
    clause: Clause | None
    change: Change | None
    acceptance: Acceptance
    quote: str


def standing(charges: Iterable[Charge]) -> dict[int, Standing]:
    """Return what charges stand on, by id; expects `price__meter`, `price__version__plan` and `period` selected along."""
    rows = list(charges)
    ids = {row.subscription_id for row in rows}
    subscriptions = {
        s.pk: s for s in Subscription.objects.filter(among("pk", ids)).select_related("version__plan", "seller")
    }
    agreed = contracts.load(list(subscriptions.values())) if subscriptions else {}
    changes = {row.pk: row for row in Change.objects.filter(among("pk", _changes(rows)))}
    accepted = _acceptances(rows)
    quotes = dict(Quote.objects.filter(among("subscription", ids)).values_list("subscription", "number"))
    found = {}
    for row in rows:
        contract, stretch = agreed[row.subscription_id], contracts.stretch(row.period)
        change = changes.get(_change_of(row) or 0)
        found[row.pk] = Standing(
            row,
            subscriptions[row.subscription_id],
            contract,
            stretch,
            _clause(row, contract, stretch, change),
            change,
            accepted[row.pk],
            quotes.get(row.subscription_id, ""),
        )
    return found


def instant(value: datetime) -> str:
    """Write an instant as it stands in derivations: UTC with a Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def price(of: Standing) -> dict[str, Any] | None:
    """Return the price as it stands in the contract, with where it comes from and what was accepted."""
    if of.clause is None or of.charge.price is None:
        return None
    row = of.charge.price
    origin, listed = _origin(of)
    version = row.version
    return {
        "id": row.pk,
        "code": row.code,
        "params": of.clause.price.to_json(),
        "origin": origin,
        "list": listed,
        "quote": of.quote,
        "plan": version.plan.code,
        "version": version.number,
        "version_sha256": version.sha256,
        "published_at": instant(version.published_at) if version.published_at else None,
        "accepted": accepted(of.acceptance),
    }


def accepted(row: Acceptance) -> dict[str, Any]:
    """Return who accepted which text, and when."""
    return {"by": row.accepted_by_name, "at": instant(row.at), "basis": row.basis, "text_sha256": row.text_sha256}


def _origin(of: Standing) -> tuple[str, dict[str, Any] | None]:
    row = of.charge.price
    assert row is not None
    if NegotiatedPrice.objects.filter(subscription=of.subscription, price=row).exists():
        return "negotiated", None
    chosen = of.acceptance.price_list
    if chosen and PriceListEntry.objects.filter(price_list=chosen, plan=row.version.plan, price_code=row.code).exists():
        return "list", {"code": chosen.code, "number": chosen.number, "sha256": chosen.sha256}
    return "plan", None


def _acceptances(rows: Sequence[Charge]) -> dict[int, Acceptance]:
    """Return the acceptance of the terms that each charge is of: behind a change, of the former ones."""
    own = {
        row.pk: row
        for row in Acceptance.objects.filter(among("pk", {c.acceptance_id for c in rows})).select_related(
            "version__plan", "price_list"
        )
    }
    former = list(
        FormerTerms.objects.filter(among("subscription", {c.subscription_id for c in rows}))
        .select_related("acceptance__version__plan", "acceptance__price_list")
        .order_by("-since")
    )
    found = {}
    for row in rows:
        agreed = own[row.acceptance_id]
        if row.price and row.price.version_id != agreed.version_id:
            fits = (t for t in former if t.subscription_id == row.subscription_id)
            agreed = next((t.acceptance for t in fits if t.version_id == row.price.version_id), agreed)
        found[row.pk] = agreed
    return found


def _clause(charge: Charge, contract: Contract, stretch: Stretch, change: Change | None) -> Clause | None:
    fitting = [clause for clause in contract.all_clauses if clause.price_id == charge.price_id is not None]
    if charge.kind == "usage":
        cause = charge.cause.partition("#")[0]
        wanted = [clause for clause in fitting if _part_name(clause, stretch) == (cause if ":" in cause else "")]
        return next(iter(wanted or fitting), None)
    since = change.effective_at if change else local_midnight(charge.service_start_on, stretch.span.zone)
    held = [
        clause
        for clause in fitting
        if (clause.since is None or clause.since <= since) and (clause.until is None or since < clause.until)
    ]
    return next(iter(held or fitting), None)


def _part_name(clause: Clause, stretch: Stretch) -> str | None:
    part = part_of(clause, stretch)
    if part is None:
        return None
    return "" if part.start == stretch.start else f"from:{part.start:%Y-%m-%dT%H:%M:%SZ}"


def _changes(rows: Sequence[Charge]) -> set[int]:
    return {pk for row in rows if (pk := _change_of(row)) is not None}


def _change_of(charge: Charge) -> int | None:
    name, _, number = charge.cause.partition(":")
    return int(number) if name == "change" and number.isdecimal() else None
