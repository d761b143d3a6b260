"""Doubles: what looks as if it was bought, paid or told twice is flagged once, and a person decides what becomes of it.

What was meant so stays. What was not is put right by the product's own verbs: a second payment goes back to who paid it, doubled
events are voided (the next close credits them, CONTRACTS rule 14), and a second contract or module is cancelled by its owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing import wallets
from invoices import doubled_payments, doubled_purchases, doubled_usage, refunding
from invoices.models import DuplicateFlag
from invoices.suspects import Suspect
from tenants import audit, notices
from tenants.errors import WrongState
from tenants.models import Tenant, User
from tenants.models.companies import Language
from usage import ingest

Kind, State = DuplicateFlag.Kind, DuplicateFlag.State
FINDERS = (doubled_purchases.find, doubled_payments.find, doubled_usage.find)
BATCH = 1000


def sweep(*, at: datetime) -> int:
    """Flag all doubles that are found now and were not flagged before, and tell their customers; return how many."""
    return sum(flag(suspect, at=at) is not None for find in FINDERS for suspect in list(find(at)))


@transaction.atomic
def flag(suspect: Suspect, *, at: datetime) -> DuplicateFlag | None:
    """Flag one double, once; what was confirmed knowingly is kept from the start, and nobody is told of it."""
    made, new = DuplicateFlag.objects.get_or_create(
        fingerprint=suspect.fingerprint,
        defaults={
            "tenant": suspect.tenant,
            "seller_id": suspect.seller_id,
            "other": suspect.other,
            "kind": suspect.kind,
            "detail": dict(suspect.detail),
            "currency": suspect.currency,
            "amount_minor": suspect.amount_minor,
            "found_at": at,
            "state": State.KEPT if suspect.meant else State.OPEN,
            "settled_at": at if suspect.meant else None,
            "by": suspect.meant_by if suspect.meant else None,
        },
    )
    if not new:
        return None
    audit.record("duplicate.found", tenant=made.tenant, target=f"duplicate:{made.pk}", at=at, by=None, kind=made.kind)
    if made.state == State.OPEN:
        _tell(made, at)
    return made


@transaction.atomic
def keep(flagged: DuplicateFlag, *, at: datetime, by: User | None) -> DuplicateFlag:
    """Say that it is meant so; it is not flagged again. Raises WrongState when it was decided before."""
    return _settle(_locked(flagged), State.KEPT, at=at, by=by)


@transaction.atomic
def correct(flagged: DuplicateFlag, *, at: datetime, by: User | None) -> DuplicateFlag:
    """Put it right. Raises WrongState when it was decided before, and what the verb that puts it right raises."""
    Tenant.objects.select_for_update(no_key=True).get(pk=flagged.tenant_id)
    locked = _locked(flagged)
    MENDING[Kind(locked.kind)](locked, at, by)
    return _settle(locked, State.CORRECTED, at=at, by=by)


def said(flagged: DuplicateFlag, language: str = "") -> str:
    """Return in a sentence what looks like a double, in the active language; of another account only that there is one."""
    english = (language or get_language() or "") == Language.ENGLISH
    detail = flagged.detail
    name = (detail.get("name_en") if english else "") or detail.get("name", "")
    if flagged.kind == Kind.PRODUCT:
        plan = (detail.get("plan_en") if english else "") or detail.get("plan", "")
        return _("Another account with the same tax number has the product of “%(plan)s” as well") % {"plan": plan}
    if flagged.kind == Kind.MODULE:
        return _("“%(name)s” is part of two contracts at the same time") % {"name": name}
    if flagged.kind == Kind.PAYMENT:
        return _("A payment of the same amount came twice; the second met no open bill")
    counted = {"name": name, "doubles": detail.get("doubles", 0), "events": detail.get("events", 0)}
    return _("Of %(events)s events of “%(name)s”, %(doubles)s were told twice under other keys") % counted


def _locked(flagged: DuplicateFlag) -> DuplicateFlag:
    named = DuplicateFlag.objects.select_for_update(of=("self",), no_key=True).select_related("tenant", "seller")
    locked = named.get(pk=flagged.pk)
    if locked.state != State.OPEN:
        raise WrongState(_("This was decided already."))
    return locked


def _settle(locked: DuplicateFlag, state: str, *, at: datetime, by: User | None) -> DuplicateFlag:
    locked.state, locked.settled_at, locked.by = state, at, by
    locked.save(update_fields=["state", "settled_at", "by"])
    audit.record(f"duplicate.{state}", tenant=locked.tenant, target=f"duplicate:{locked.pk}", at=at, by=by)
    return locked


def _refuse_while_both_run(locked: DuplicateFlag, at: datetime, by: User | None) -> None:
    """What was bought twice is put right by whoever bought it: one of the two is ended or taken back."""
    if any(suspect.fingerprint == locked.fingerprint for suspect in doubled_purchases.find(at)):
        raise WrongState(
            _(
                "Cancel the contract or remove the module that is too much; within its hours a purchase can be taken back."
            )
        )


def _return_payment(locked: DuplicateFlag, at: datetime, by: User | None) -> None:
    """Let what the second payment left in the balance go back to who paid it, as far as it is still there."""
    wallet = wallets.lock(locked.tenant_id, locked.seller_id, locked.currency)
    with translation.override(locked.tenant.language):
        reason = _("Paid twice")
    amount = min(locked.amount_minor, wallet.paid_minor)
    refunding.withdraw(wallet, amount_minor=amount, reason=reason, at=at, by=by)


def _void_events(locked: DuplicateFlag, at: datetime, by: User | None) -> None:
    """Take the doubled events back, each by a void of its own; bills that counted them are corrected by the next close."""
    keys = doubled_usage.keys(locked.detail, locked.tenant)
    voids = [{"key": f"double:{locked.pk}:{place}", "void": key} for place, key in enumerate(keys, 1)]
    for first in range(0, len(voids), BATCH):
        answers = ingest.accept(locked.tenant, voids[first : first + BATCH], at=at, seller=locked.seller)
        if any(answer.status == "refused" for answer in answers):
            raise WrongState(
                _("Some of these events are too old to be taken back. Ask for a credit of the bill instead.")
            )


def _tell(made: DuplicateFlag, at: datetime) -> None:
    tenant = made.tenant
    with translation.override(tenant.language):
        what = said(made, tenant.language)
    notices.announce(
        tenant,
        kind="duplicate_found",
        key=f"duplicate:{made.pk}",
        payload={
            "tenant": tenant.name_in(tenant.language),
            "path": f"/c/{tenant.code}/doubles/",
            "kind": made.kind,
            "what": what,
            "currency": made.currency,
            "amount_minor": made.amount_minor,
        },
        at=at,
        seller=made.seller,
    )


MENDING: Mapping[str, Callable[[DuplicateFlag, datetime, User | None], None]] = {
    Kind.PRODUCT: _refuse_while_both_run,
    Kind.MODULE: _refuse_while_both_run,
    Kind.PAYMENT: _return_payment,
    Kind.SOURCE: _void_events,
}
