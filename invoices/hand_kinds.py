"""The doors by which operators move money, each as a kind of act: what it is told (plain JSON) and the verb that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import packs, wallets
from billing.models import Subscription, TopUp
from billing.money import Money
from invoices import checkout, confirming, crediting, matching, payments, wishes
from invoices.confirming import StalePreview
from invoices.models import BankCredit, Invoice, OperatorAct, TransferClaim
from tenants import audit
from tenants.models import Seller, Tenant, User
from usage.models import Meter

Kind = OperatorAct.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What an operator wants done for a customer: `wish` is plain JSON, `key` makes it happen once."""

    kind: str
    tenant: Tenant
    seller: Seller
    currency: str
    target: str
    wish: dict[str, Any]
    reason: str
    key: str
    reverses: OperatorAct | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What a verb wrote: the row, the amount that counts against the limit (None: it has none), and a mark of its lines."""

    row: str
    amount_minor: int | None
    mark: str = ""


def _credit(hand: Hand, at: datetime, by: User | None) -> Made:
    amounts = hand.wish["amounts"]
    whole = {int(line): minor for line, minor in amounts.items()} if amounts is not None else None
    bill = Invoice.objects.select_related("seller", "tenant").get(pk=hand.wish["invoice"])
    note = crediting.credit(bill, reason=hand.reason, amounts=whole, at=at, by=by)
    return Made(f"credit_note:{note.pk}", note.total_minor)


def _top_up(hand: Hand, at: datetime, by: User | None) -> Made:
    said = hand.wish
    expires = datetime.fromisoformat(said["expires"]) if said["expires"] else None
    amount = Money(said["amount_minor"], hand.currency)
    told = {"reason": hand.reason, "key": hand.key, "gift": said["gift"], "expires": expires, "at": at, "by": by}
    row = wallets.top_up_by_hand(hand.tenant, seller=hand.seller, amount=amount, **told)
    return Made(f"top_up:{row.pk}", row.amount_minor)


def _take_back(hand: Hand, at: datetime, by: User | None) -> Made:
    row = TopUp.objects.select_related("tenant", "seller").get(pk=hand.wish["top_up"])
    taken = wallets.take_back(row, at=at, by=by, reason=hand.reason)
    return Made(f"top_up:{row.pk}", taken)


def _transfer(hand: Hand, at: datetime, by: User | None) -> Made:
    said = hand.wish
    payment = payments.receive_transfer(
        hand.tenant,
        seller=hand.seller,
        amount=Money(said["amount_minor"], hand.currency),
        reference=said["reference"],
        received_at=min(datetime.fromisoformat(said["received_at"]), at),
        payer_name=said["payer_name"],
        allocate={int(bill): minor for bill, minor in said["allocate"].items()} if said["allocate"] else None,
        at=at,
        by=by,
    )
    return Made(f"payment:{payment.pk}", payment.amount_minor)


def _match(hand: Hand, at: datetime, by: User | None) -> Made:
    said = hand.wish
    claim = TransferClaim.objects.get(pk=said["claim"]) if said["claim"] else None
    told = {"declaration": said["declaration"], "remember": said["remember"], "claim": claim}
    payment = matching.match(BankCredit.objects.get(pk=said["credit"]), hand.tenant, at=at, by=by, **told)
    return Made(f"payment:{payment.pk}", payment.amount_minor)


def _pack(hand: Hand, at: datetime, by: User | None) -> Made:
    said = hand.wish
    begins = datetime.fromisoformat(said["valid_from"]) if said["valid_from"] else None
    pack = packs.grant(
        hand.tenant,
        Meter.objects.get(pk=said["meter"]),
        Decimal(said["quantity"]),
        datetime.fromisoformat(said["expires"]),
        reason=hand.reason,
        priority=said["priority"],
        valid_from=begins,
        match=said["match"],
        at=at,
        by=by,
    )
    return Made(f"pack:{pack.pk}", None)


def _contract(hand: Hand, at: datetime, by: User | None) -> Made:
    """Change a contract as it was shown (`mark`, by its fingerprint), within the customer's own limit for purchases."""
    rows = Subscription.objects.select_related("tenant", "payer", "seller", "plan", "version")
    row, wish = rows.get(pk=hand.wish["subscription"]), wishes.read(hand.wish["wish"])
    moment = confirming.moment(row, wish, datetime.fromisoformat(hand.wish["seen_at"]), at)
    done = wishes.carry_out(wish, row, at=moment, by=by)
    papers = checkout.papers(done)
    mark = confirming.fingerprint(papers, rows.get(pk=row.pk))
    if mark != hand.wish["mark"]:
        raise StalePreview(
            _("It would no longer come out as it was shown. Nothing was changed; please look at it again.")
        )
    said = {"target": f"subscription:{row.pk}", "reason": hand.reason}
    audit.record(f"subscription.{wish.do}_for", tenant=row.tenant_id, at=at, by=by, **said)
    asked = sum(invoice.total_minor for invoice in papers.invoices)
    change = f"change:{done.change.pk}" if done.change else f"subscription:{row.pk}"
    return Made(change, max(asked, papers.credited_minor), mark)


DOING: Mapping[str, Callable[[Hand, datetime, User | None], Made]] = {
    Kind.CREDIT: _credit,
    Kind.TOP_UP: _top_up,
    Kind.TAKE_BACK: _take_back,
    Kind.TRANSFER: _transfer,
    Kind.MATCH: _match,
    Kind.PACK: _pack,
    Kind.CONTRACT: _contract,
}
# What has no counter-entry, and what to do instead.
NO_COUNTER: Mapping[str, Any] = {
    Kind.CREDIT: gettext_lazy(
        "A credit note is not taken back: what was credited wrongly is charged on a new bill that the customer is told of."
    ),
    Kind.TRANSFER: gettext_lazy(
        "A recorded transfer is not taken back: return the money by a refund of its bill, or out of the balance."
    ),
    Kind.MATCH: gettext_lazy(
        "A matched credit is not taken back: return the money by a refund of its bill, or out of the balance."
    ),
    Kind.PACK: gettext_lazy(
        "A granted pack is not taken back: what was given may have been used already. It lapses on its last day."
    ),
    Kind.CONTRACT: gettext_lazy(
        "A contract is changed back by a change: take back what waits, or change it again; every step shows its price first."
    ),
    Kind.TAKE_BACK: gettext_lazy("What was taken back is given again by a new top-up."),
}
