"""Confirm a wish in two steps: look at exactly what it does, then agree to exactly that.

What was looked at is held for a while by a signed text with its fingerprint. Agreeing does it and compares: where
anything came out otherwise, nothing is kept, and it is to be looked at again. So nobody is charged what was not shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.models import Change, PlanVersion, Redemption, Subscription, Wallet
from billing.weighing import Weight
from invoices import changed, checkout, wishes
from invoices.checkout import Confirmed, Preview
from invoices.next_bill import NextBill, next_bill
from invoices.wishes import Wish
from tenants import audit, idempotency
from tenants.errors import Conflict
from tenants.idempotency import Asked
from tenants.models import Tenant, User
from usage.periods import local_day

HELD = timedelta(minutes=15)
SALT = "invoices.confirming"


class StalePreview(Conflict):
    """What was looked at is no longer what would happen; nothing was done."""

    code = "stale_preview"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a wish would do: its documents, the contract and the balance as they would be, and the next bill before and after.

    `held` is what agreeing sends back; it is good until `until`.
    """

    wish: Wish
    before: Subscription
    after: Subscription
    papers: Preview
    effect: str
    redeemed: Redemption | None
    next_before: NextBill | None
    next_after: NextBill | None
    balance_before: int | None
    balance_after: int | None
    until: datetime
    held: str
    weight: Weight


def look(subscription: Subscription, wish: Wish, *, at: datetime, by: User | None) -> Offer:
    """Return what a wish would do if it were confirmed now; nothing is kept. Raises the verb's refusal."""
    with transaction.atomic():
        before = _read(subscription)
        next_before, balance_before = next_bill(before, at=at), _balance(before)
        last = _last(before)
        confirmed, weight = wishes.weigh(wish, before, at=at, by=by)
        after = _read(subscription)
        papers = checkout.papers(confirmed)
        offer = Offer(
            wish=wish,
            before=before,
            after=after,
            papers=papers,
            # Said now, for what was before is known only until this is taken back.
            effect=changed.effect(papers.change, get_language() or "zh-hans") if papers.change else "",
            redeemed=_redemptions(after).last() if wish.do == "redeem" else None,
            next_before=next_before,
            next_after=next_bill(after, at=at),
            balance_before=balance_before,
            balance_after=_balance(after),
            until=at + HELD,
            held=_hold(after, wish, papers, last, at=at, by=by),
            weight=weight,
        )
        transaction.set_rollback(True)
    return offer


@transaction.atomic
def confirm(
    subscription: Subscription, wish: Wish, held: str, *, at: datetime, by: User | None, reason: str = ""
) -> Confirmed:
    """Do what was looked at, exactly; of the same confirmation sent twice the second gets the first one's answer.

    Raises StalePreview, having done nothing, when the price was held no longer, when somebody changed the contract
    meanwhile, or when anything would come out otherwise than it was shown. `reason` is an operator's, for the audit log.
    """
    kept: dict[str, Confirmed] = {}

    def act() -> tuple[int, Any]:
        kept["now"] = _confirm(subscription, wish, held, at=at, by=by, reason=reason)
        done = kept["now"]
        change = done.change.pk if done.change else None
        return 200, {"change": change, "invoices": done.invoices, "credit_notes": done.credit_notes}

    body = json.dumps(wish.said(), sort_keys=True).encode()
    owner, key = f"confirm:{subscription.pk}", sha256(held.encode()).hexdigest()
    _status, answer, _again = idempotency.once(Asked(owner, key, "POST", "confirm", body), act, at=at)
    if "now" in kept:
        return kept["now"]
    change = Change.objects.filter(pk=answer["change"]).first()
    return Confirmed(_read(subscription), change, answer["invoices"], answer["credit_notes"])


def _confirm(
    subscription: Subscription, wish: Wish, held: str, *, at: datetime, by: User | None, reason: str
) -> Confirmed:
    # One order of locks everywhere: the payer, then the contract.
    Tenant.objects.select_for_update(no_key=True).get(pk=subscription.payer_id)
    locked = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
    held_at, mark = agreed(locked, wish, held, at=at, by=by)
    done = wishes.carry_out(wish, locked, at=held_at, by=by)
    if fingerprint(checkout.papers(done), _read(locked)) != mark:
        raise StalePreview(
            _("It would no longer come out as it was shown. Nothing was changed; please look at it again.")
        )
    if reason:
        target = f"subscription:{locked.pk}"
        audit.record(f"subscription.{wish.do}_for", tenant=locked.tenant_id, target=target, at=at, by=by, reason=reason)
    return done


def agreed(locked: Subscription, wish: Wish, held: str, *, at: datetime, by: User | None) -> tuple[datetime, str]:
    """Return the instant from which a wish that was shown counts, and the fingerprint of what was shown.

    Raises StalePreview where the price is held no longer, belongs to something else, or the contract has changed since.
    """
    shown = _shown(held)
    if shown.get("of") != locked.pk or shown.get("wish") != wish.said() or shown.get("by") != (by.pk if by else None):
        raise StalePreview(_("This confirmation belongs to something else. Nothing was changed; please look again."))
    seen_at = datetime.fromisoformat(shown["at"])
    if not seen_at <= at <= seen_at + HELD:
        raise StalePreview(_("The price was held for 15 minutes. Nothing was changed; please look at it again."))
    if shown["last"] != _last(locked):
        raise StalePreview(
            _("Somebody has changed this contract meanwhile. Nothing was changed by you; please look again.")
        )
    return moment(locked, wish, seen_at, at), shown["sha256"]


def fingerprint(papers: Preview, after: Subscription) -> str:
    """Return the hash of all that a confirmation charges, gives back and changes; days count, not moments."""
    change, zone = papers.change, after.zone
    said = {
        "change": change
        and [
            change.kind,
            change.status,
            str(local_day(change.effective_at, zone)),
            change.version_id,
            change.price_list_id,
            change.price_id,
            _plain(change.before),
            _plain(change.after),
        ],
        "version": after.version.sha256,
        "totals": [[i.tenant_id, i.currency, i.pays, i.total_minor, i.tax_minor, i.status] for i in papers.invoices],
        "lines": [_line(line) for line in papers.lines],
        "notes": [[note.total_minor, note.tax_minor, note.returned_minor] for note in papers.credit_notes],
        "charges": [[c.code, c.amount_minor, str(c.service_start_on), str(c.service_end_on)] for c in papers.charges],
        "redeemed": list(_redemptions(after).values_list("coupon_id", flat=True)),
    }
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _line(line: Any) -> list[Any]:
    days = [str(line.service_start_on), str(line.service_end_on)]
    figures = [_plain(line.quantity), line.amount_minor, line.discount_minor, line.tax_minor, line.gross_minor]
    return [line.code, line.name, line.kind, line.reason, *days, *figures]


def _plain(value: Any) -> str | None:
    return None if value is None else f"{value.normalize():f}"


def shown_total(held: str) -> int | None:
    """Return what was shown to be paid, less what was to be given back; None where it cannot be read."""
    try:
        return int(_shown(held)["total"])
    except StalePreview:
        return None


def seen(held: str) -> tuple[datetime, str]:
    """Return when something was shown and its fingerprint; raise StalePreview where it cannot be read."""
    shown = _shown(held)
    return datetime.fromisoformat(shown["at"]), shown["sha256"]


def _hold(after: Subscription, wish: Wish, papers: Preview, last: int, *, at: datetime, by: User | None) -> str:
    said = {"of": after.pk, "by": by.pk if by else None, "wish": wish.said(), "at": at.isoformat()}
    seen = {"last": last, "total": papers.total_minor, "sha256": fingerprint(papers, after)}
    return signing.dumps(said | seen, salt=SALT, compress=True)


def _shown(held: str) -> dict[str, Any]:
    try:
        return dict(signing.loads(held, salt=SALT))
    except signing.BadSignature:
        raise StalePreview(_("This confirmation cannot be read. Nothing was changed; please look again.")) from None


def moment(s: Subscription, wish: Wish, seen_at: datetime, at: datetime) -> datetime:
    """Return the instant from which the change counts: now; where seconds cost money, that of the price shown.

    Never one of another local day, nor one before something that has fallen due since.
    """
    counts_seconds = s.version.proration == PlanVersion.Proration.SECOND
    if wish.do == "change_plan":
        of_plan = PlanVersion.objects.filter(plan__code=wish.plan, plan__seller=s.seller_id, status="published")
        counts_seconds |= of_plan.filter(proration=PlanVersion.Proration.SECOND).exists()
    same_day = local_day(seen_at, s.zone) == local_day(at, s.zone)
    nothing_due = s.next_at is None or s.next_at > at
    return seen_at if counts_seconds and same_day and nothing_due else at


def _read(subscription: Subscription) -> Subscription:
    return Subscription.objects.select_related("tenant", "payer", "seller", "plan", "version").get(pk=subscription.pk)


def _last(subscription: Subscription) -> int:
    """Return the number of the newest change of a contract; a coupon that was redeemed counts as one."""
    changes = Change.objects.filter(subscription=subscription.pk).order_by("-pk").values_list("pk", flat=True)
    return (changes.first() or 0) * 1000 + _redemptions(subscription).count()


def _redemptions(subscription: Subscription) -> QuerySet[Redemption]:
    return Redemption.objects.filter(subscription=subscription.pk).select_related("coupon").order_by("pk")


def _balance(subscription: Subscription) -> int | None:
    """Return the payer's balance where the contract is paid from it."""
    if subscription.pays != Subscription.Pays.WALLET:
        return None
    side = {"tenant": subscription.payer_id, "seller": subscription.seller_id, "currency": subscription.currency}
    wallet = Wallet.objects.filter(**side).first()
    return wallet.total_minor if wallet else 0
