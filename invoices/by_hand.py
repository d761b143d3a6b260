"""Acts by which an operator moves a customer's money or obligations: seen before and after, with a reason, and above the
seller's limit by two people (REQUIREMENTS D2, F4).

An act is tried out first: what it does to the customer's figures is read, and all of it taken back. Doing it does exactly
that or nothing. Above `Seller.act_limit_minor` it waits for another operator; a superuser passes nothing. Each act, done
or not, is in the audit log, which the customer reads for his own account.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from invoices import hand_figures, hand_kinds
from invoices.hand_kinds import Hand
from invoices.models import OperatorAct
from tenants import audit
from tenants.errors import Conflict, DomainError, Invalid, NotAllowed, WrongState
from tenants.models import Seller, Tenant, User

State = OperatorAct.State
Figures = dict[str, Any]


class StaleAct(Conflict):
    """It would come out otherwise than it was shown; nothing was done."""

    code = "stale_preview"


class SamePerson(NotAllowed):
    """Who asks does not decide."""

    code = "second_person_needed"


class NotReversible(WrongState):
    """There is no counter-entry for this act; the message says what to do instead."""

    code = "not_reversible"


@dataclass(frozen=True, slots=True)
class Looked:
    """What an act would do: the figures before and after, what counts against the limit, and the hash of its effect."""

    before: Figures
    after: Figures
    amount_minor: int | None
    limit_minor: int | None
    sha256: str
    made: str = ""

    @property
    def waits(self) -> bool:
        """Whether a second person is needed."""
        limit = self.limit_minor
        return limit is not None and (self.amount_minor is None or self.amount_minor > limit)


def look(hand: Hand, *, at: datetime, by: User | None) -> Looked:
    """Return what an act would do now; nothing is kept. Raises the verb's refusal."""
    with transaction.atomic():
        found = _try(hand, at=at, by=by)
        transaction.set_rollback(True)
    return found


@transaction.atomic
def do(hand: Hand, *, at: datetime, by: User | None, by_name: str = "", seen: str = "") -> OperatorAct:
    """Do an act, or above the limit keep it for a second person; a repeated key changes nothing and returns the first.

    `seen` is the hash of what was looked at (empty: nothing was); raises StaleAct where it would come out otherwise,
    Invalid without a reason, and the verb's refusal.
    """
    if not hand.reason.strip():
        raise Invalid(_("Say why; the customer reads it in his log."), field="reason")
    _lock(hand.tenant)
    if (known := OperatorAct.objects.filter(tenant=hand.tenant, key=hand.key).first()) is not None:
        return known
    found = look(hand, at=at, by=by)
    if seen and seen != found.sha256:
        raise StaleAct(_("It would come out otherwise than it was shown. Nothing was done; please look again."))
    if not found.waits:
        found = _try(hand, at=at, by=by)
    act = _write(hand, found, at=at, by=by, by_name=by_name)
    _record(act, "asked" if found.waits else "done", at=at, by=by)
    if not found.waits and act.reverses is not None:
        _reversed(act.reverses, at=at, by=by)
    return act


@transaction.atomic
def approve(act: OperatorAct, *, at: datetime, by: User) -> OperatorAct:
    """Do a waiting act exactly as it was shown, or nothing: then it is outdated and says why.

    Raises SamePerson for who asked, NotAllowed for who is no operator, WrongState when it was decided before.
    """
    row = _waiting(act, by=by)
    if row.asked_by_id == by.pk:
        raise SamePerson(_("Somebody else than who asked for it has to approve it."))
    hand = hand_of(row)
    try:
        with transaction.atomic():
            found = _try(hand, at=at, by=by)
            if found.sha256 != row.sha256:
                raise StaleAct(_("By now it would come out otherwise than it was shown. Ask for it again."))
    except DomainError as refusal:
        return _decide(row, State.OUTDATED, at=at, by=by, answer=refusal.message)
    done = _decide(row, State.DONE, at=at, by=by, made=found.made)
    if done.reverses is not None:
        _reversed(done.reverses, at=at, by=by)
    return done


@transaction.atomic
def decline(act: OperatorAct, *, reason: str, at: datetime, by: User) -> OperatorAct:
    """Leave everything as it is, with the reason; who asked takes it back so."""
    if not reason.strip():
        raise Invalid(_("Say why; who asked for it reads this."), field="reason")
    return _decide(_waiting(act, by=by), State.DECLINED, at=at, by=by, answer=reason.strip())


def counter(act: OperatorAct, *, reason: str, key: str) -> Hand:
    """Return the counter-entry of a done act, an act of its own with its own reason and limit.

    Raises NotReversible, saying what to do instead, where there is none, and WrongState for what was not done.
    """
    if act.state != State.DONE:
        raise WrongState(_("Only what was done, and was not reversed before, can be reversed."))
    why = hand_kinds.NO_COUNTER.get(act.kind)
    if why is not None:
        raise NotReversible(str(why))
    return Hand(
        kind=OperatorAct.Kind.TAKE_BACK,
        tenant=act.tenant,
        seller=act.seller,
        currency=act.currency,
        target=act.made,
        wish={"top_up": int(act.made.partition(":")[2])},
        reason=reason,
        key=key,
        reverses=act,
    )


def hand_of(act: OperatorAct) -> Hand:
    """Return what an act was told, ready to be done."""
    return Hand(
        kind=act.kind,
        tenant=act.tenant,
        seller=act.seller,
        currency=act.currency,
        target=act.target,
        wish=act.wish,
        reason=act.reason,
        key=act.key,
        reverses=act.reverses,
    )


def _try(hand: Hand, *, at: datetime, by: User | None) -> Looked:
    """Do it, and read the figures before and after."""
    before = hand_figures.read(hand, at=at)
    made = hand_kinds.DOING[hand.kind](hand, at, by)
    after = hand_figures.read(hand, at=at)
    limit = Seller.objects.values_list("act_limit_minor", flat=True).get(pk=hand.seller.pk)
    effect = {"kind": hand.kind, "wish": hand.wish, "amount": made.amount_minor, "mark": made.mark}
    effect["moved"] = hand_figures.moved(before, after)
    mark = sha256(json.dumps(effect, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Looked(before, after, made.amount_minor, limit, mark, made.row)


def _write(hand: Hand, found: Looked, *, at: datetime, by: User | None, by_name: str) -> OperatorAct:
    return OperatorAct.objects.create(
        kind=hand.kind,
        tenant=hand.tenant,
        seller=hand.seller,
        target=hand.target,
        wish=hand.wish,
        key=hand.key,
        currency=hand.currency,
        amount_minor=found.amount_minor,
        limit_minor=found.limit_minor,
        before=found.before,
        after=found.after,
        sha256=found.sha256,
        reason=hand.reason.strip()[:300],
        asked_by=by,
        asked_by_name=(by.get_full_name() if by else by_name)[:80],
        asked_at=at,
        state=State.WAITING if found.waits else State.DONE,
        made="" if found.waits else found.made,
        reverses=hand.reverses,
    )


def _lock(tenant: Tenant) -> None:
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


def _waiting(act: OperatorAct, *, by: User) -> OperatorAct:
    _lock(act.tenant)
    rows = OperatorAct.objects.select_for_update(no_key=True, of=("self",))
    row = rows.select_related("tenant", "seller", "reverses").get(pk=act.pk)
    if not (by.is_staff and by.is_active):
        raise NotAllowed(_("Only an operator decides about it."))
    if row.state != State.WAITING:
        raise WrongState(_("This was decided before."))
    return row


def _decide(row: OperatorAct, state: str, *, at: datetime, by: User, answer: str = "", made: str = "") -> OperatorAct:
    row.state, row.approved_by, row.approved_by_name, row.approved_at = state, by, by.get_full_name(), at
    row.answer, row.made = answer[:300], made
    row.save(update_fields=["state", "approved_by", "approved_by_name", "approved_at", "answer", "made"])
    _record(row, state, at=at, by=by)
    return row


def _reversed(act: OperatorAct, *, at: datetime, by: User | None) -> None:
    act.state = State.REVERSED
    act.save(update_fields=["state"])
    _record(act, State.REVERSED, at=at, by=by)


def _record(act: OperatorAct, what: str, *, at: datetime, by: User | None) -> None:
    """Write into the log what the customer reads: what, why, before, after, and both people."""
    said = {
        "kind": act.kind,
        "on": act.target,
        "amount_minor": act.amount_minor,
        "currency": act.currency,
        "before": act.before,
        "after": act.after,
        "reason": act.reason,
        "asked_by": act.asked_by_name,
        "approved_by": act.approved_by_name,
        "answer": act.answer,
        "made": act.made,
        "act": act.pk,
    }
    audit.record(f"operator_act.{what}", tenant=act.tenant, target=f"operator_act:{act.pk}", at=at, by=by, **said)
