"""Random customers break no invariant; and each invariant would notice."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from django.db.models import F

from billing.models import ChargeCredit, Subscription
from invoices.rehearsal import agreed_invariants as agreed
from invoices.rehearsal import invariants, money_invariants, playing, reading, simulating, tiling
from invoices.rehearsal import seen as seeing
from invoices.rehearsal.inventing import invent
from invoices.rehearsal.seen import Seen

TESTS, EACH = 20, 10
# Short lives: more seeds find more in the same time. `manage.py simulate` plays longer ones.
STEPS, LOOKS, AGAIN = 3, 12, 3


@pytest.mark.story
@pytest.mark.django_db
@pytest.mark.parametrize("first", range(0, TESTS * EACH, EACH))
def test_no_customer_breaks_an_invariant(first: int) -> None:
    played = simulating.simulate(range(first, first + EACH), steps=STEPS, looks=LOOKS, every=AGAIN)
    failures = [failure for _seed, failure in played if failure]
    assert not failures, "\n".join(f"seed {one.seed}: {one.what}\n{one.as_yaml()}" for one in failures)


def test_a_seed_is_the_same_story_for_ever() -> None:
    for seed in range(15):
        story = invent(seed)
        assert story == invent(seed)
        assert reading.read(yaml.safe_load(yaml.safe_dump(story))) == reading.read(story)
    assert invent(1) != invent(2)


def test_stories_use_every_verb_that_is_built() -> None:
    used = {step["do"] for seed in range(300) for step in invent(seed)["steps"]}
    assert used == set(playing.acting.VERBS) | {"use", "void_use"}


STORY = {
    "name": "a plan that changes in its second period",
    "until": "2026-03-20T00:00:00",
    "catalogue": {
        "meters": [{"code": "messages", "aggregation": "sum"}],
        "plans": [
            {
                "code": code,
                "family": "suite",
                "prices": [
                    {"code": "base", "kind": "base", "model": "flat", "amount": amount},
                    {"code": "messages", "kind": "usage", "meter": "messages", "model": "per_unit", "unit_amount": "1"},
                ],
            }
            for code, amount in (("small", "100.00"), ("large", "300.00"))
        ],
    },
    "tenants": [{"code": "acme", "wallet": "900.00", "pays": "wallet"}],
    "steps": [
        {"at": "2026-01-10T09:00:00", "do": "subscribe", "tenant": "acme", "plan": "small"},
        {"at": "2026-01-12T09:00:00", "do": "use", "tenant": "acme", "meter": "messages", "quantity": "5"},
        {"at": "2026-02-20T09:00:00", "do": "change_plan", "tenant": "acme", "plan": "large"},
    ],
}


def _seen(check: Callable[[Seen], None]) -> None:
    """Play the story and let `check` see its end."""

    def watch(world, step=None, *, over=False) -> None:
        if over:
            check(seeing.see(world))

    playing.rehearse(STORY, watch=watch)


def _copy(row, **fields):
    other = copy(row)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _charges(seen: Seen, charges) -> Seen:
    return replace(seen, charges=charges, lives=[replace(life, charges=charges) for life in seen.lives])


def _periods(seen: Seen, periods) -> Seen:
    return replace(seen, lives=[replace(life, periods=periods) for life in seen.lives])


def _first_charge(seen: Seen, **fields) -> Seen:
    first, *rest = seen.charges
    return _charges(seen, [_copy(first, **fields), *rest])


def _invoice(seen: Seen, **fields) -> Seen:
    first, *rest = seen.invoices
    return replace(seen, invoices=[_copy(first, **fields), *rest])


def _deducted(seen: Seen, **fields) -> Seen:
    """Doctor the first deduction: of the renewal in February."""
    first = next(p for p in seen.payments if p.basis == "automatic")
    return replace(seen, payments=[_copy(first, **fields)])


def _right(seen: Seen, **fields) -> Seen:
    first = next(p for p in seen.payments if p.basis == "automatic")
    return _deducted(seen, authorisation=_copy(first.authorisation, **fields))


def _announced(seen: Seen, **fields) -> Seen:
    """Doctor the announcement of the first deduction."""
    first, *rest = seen.uses
    return replace(seen, uses=[_copy(first, notice=_copy(first.notice, **fields)), *rest])


def _life(seen: Seen, **fields) -> Seen:
    return replace(seen, lives=[replace(life, **fields) for life in seen.lives])


def _more_back(seen: Seen) -> Seen:
    again = _copy(seen.credits[0], pk=None)
    assert isinstance(again, ChargeCredit)
    return replace(seen, credits=[*seen.credits, again, again])


DAY = timedelta(days=1)
BREAKS = [
    (invariants.invoices_add_up, lambda seen: _invoice(seen, total_minor=1)),
    (invariants.invoices_add_up, lambda seen: _invoice(seen, credited_minor=1)),
    (invariants.charges_are_asked_for_once, lambda seen: replace(seen, credited=[seen.charges[0].pk])),
    (invariants.charges_are_asked_for_once, lambda seen: _first_charge(seen, taken_at=None)),
    (invariants.credits_are_of_what_was_charged, _more_back),
    (invariants.credits_are_of_what_was_charged, lambda seen: replace(seen, credits=[])),
    (agreed.deductions_have_a_right, lambda seen: _deducted(seen, authorisation=None)),
    (agreed.deductions_have_a_right, lambda seen: _deducted(seen, notice=None)),
    (agreed.deductions_have_a_right, lambda seen: _deducted(seen, currency="USD")),
    (agreed.deductions_have_a_right, lambda seen: _right(seen, ceiling_minor=1)),
    (agreed.deductions_have_a_right, lambda seen: _right(seen, scope="renews")),
    (agreed.deductions_have_a_right, lambda seen: _right(seen, scope="overage")),
    (agreed.deductions_have_a_right, lambda seen: _right(seen, way="alipay")),
    (agreed.deductions_have_a_right, lambda seen: _right(seen, valid_until=seen.payments[0].received_at)),
    (agreed.deductions_have_a_right, lambda seen: _right(seen, withdrawn_at=seen.payments[0].received_at)),
    (
        agreed.deductions_have_a_right,
        lambda seen: _deducted(seen, received_at=seen.payments[0].received_at - 90 * DAY),
    ),
    (agreed.months_keep_their_ceiling, lambda seen: _right(seen, per_month_minor=1)),
    (agreed.deductions_were_announced, lambda seen: replace(seen, uses=seen.uses[1:])),
    (agreed.deductions_were_announced, lambda seen: _deducted(seen, amount_minor=99_999_999)),
    (agreed.deductions_were_announced, lambda seen: _announced(seen, total_minor=1)),
    (agreed.deductions_were_announced, lambda seen: _announced(seen, delivered_at=None)),
    (
        agreed.deductions_were_announced,
        lambda seen: _announced(seen, charge_at=seen.invoices[-1].created_at + 90 * DAY),
    ),
    (agreed.deductions_were_announced, lambda seen: _announced(seen, pays="mandate")),
    (tiling.terms_tile, lambda seen: _life(seen, terms=seen.lives[0].terms[1:])),
    (tiling.terms_tile, lambda seen: _life(seen, terms=[*seen.lives[0].terms, *seen.lives[0].terms])),
    (tiling.periods_tile, lambda seen: _periods(seen, seen.lives[0].periods[1:])),
    (tiling.periods_tile, lambda seen: _periods(seen, [seen.lives[0].periods[0], *seen.lives[0].periods])),
    (tiling.days_are_charged_once, lambda seen: _charges(seen, seen.charges[1:])),
    (tiling.days_are_charged_once, lambda seen: _charges(seen, [seen.charges[0], *seen.charges])),
    (
        tiling.days_are_charged_once,
        lambda seen: _charges(seen, [charge for charge in seen.charges if charge.undiscounted_minor >= 0]),
    ),
    (
        tiling.nothing_is_charged_outside,
        lambda seen: _life(
            seen, subscription=_copy(seen.lives[0].subscription, trial_end_on=seen.charges[0].service_end_on)
        ),
    ),
    (tiling.nothing_is_charged_outside, lambda seen: _life(seen, pauses=[(seen.lives[0].begins, None)])),
    (
        tiling.nothing_is_charged_outside,
        lambda seen: _life(seen, subscription=_copy(seen.lives[0].subscription, ended_at=seen.lives[0].begins + DAY)),
    ),
]


@pytest.mark.django_db
def test_each_invariant_notices_what_breaks_it_and_nothing_else() -> None:
    noticed = []

    def check(seen: Seen) -> None:
        for invariant in (*invariants.ALWAYS, *agreed.ALWAYS, *tiling.ALWAYS):
            assert list(invariant(seen)) == []
        noticed.extend([bool(list(invariant(breaks(seen)))) for invariant, breaks in BREAKS])

    _seen(check)
    assert noticed == [True] * len(BREAKS)


MONEY = STORY | {
    "until": "2026-03-01T00:00:00",
    "tenants": [{"code": "acme", "pays": "mandate"}],
    "steps": [
        STORY["steps"][0],
        STORY["steps"][1],
        {"at": "2026-01-20T09:00:00", "do": "refund", "tenant": "acme", "amount": "40.00"},
        {"at": "2026-02-01T09:00:00", "do": "provider", "tenant": "acme", "behaviour": "timeout"},
    ],
}


def _paid(seen: Seen, **fields) -> Seen:
    """Doctor the first payment: the purchase, of which 40.00 went back."""
    first, *rest = seen.payments
    return replace(seen, payments=[_copy(first, **fields), *rest])


def _back(seen: Seen, **fields) -> Seen:
    return replace(seen, refunds=[_copy(one, **fields) for one in seen.refunds])


def _charged_again(seen: Seen) -> Seen:
    """One more attempt for the bill of February, whose debit has no answer."""
    pk = seen.payments[-1].pk + 1
    again = _copy(seen.payments[-1], pk=pk, status="failed")
    part = _copy(seen.parts[-1], pk=None, payment_id=pk, live=False)
    return replace(seen, payments=[*seen.payments, again], parts=[*seen.parts, part])


MONEY_BREAKS = [
    (money_invariants.bills_are_paid_once, lambda seen: replace(seen, allocations=[*seen.allocations] * 2)),
    (money_invariants.bills_are_paid_once, lambda seen: _paid(seen, status="failed")),
    (money_invariants.nothing_is_charged_while_unknown, _charged_again),
    (
        money_invariants.nothing_is_charged_while_unknown,
        lambda seen: replace(seen, parts=[_copy(part, live=False) for part in seen.parts]),
    ),
    (money_invariants.cash_is_what_came_in, lambda seen: _paid(seen, amount_minor=1)),
    (money_invariants.cash_is_what_came_in, lambda seen: replace(seen, refunds=[])),
    (money_invariants.refunds_are_of_what_was_paid, lambda seen: _back(seen, amount_minor=100_01)),
    (money_invariants.refunds_are_of_what_was_paid, lambda seen: _back(seen, status="approved")),
    (money_invariants.refunds_are_of_what_was_paid, lambda seen: _paid(seen, returned_minor=40_01)),
    (money_invariants.refunds_are_of_what_was_paid, lambda seen: _paid(seen, status="refunded")),
]


@pytest.mark.django_db
def test_each_invariant_of_money_notices_what_breaks_it_and_nothing_else() -> None:
    noticed = []

    def watch(world, step=None, *, over=False) -> None:
        if not over:
            return
        seen = seeing.see(world)
        assert [(p.status, p.amount_minor) for p in seen.payments] == [("succeeded", 100_00), ("unknown", 105_00)]
        for invariant in (*invariants.ALWAYS, *money_invariants.ALWAYS, *tiling.ALWAYS):
            assert list(invariant(seen)) == []
        noticed.extend([bool(list(invariant(breaks(seen)))) for invariant, breaks in MONEY_BREAKS])

    playing.rehearse(MONEY, watch=watch)
    assert noticed == [True] * len(MONEY_BREAKS)


@pytest.mark.django_db
def test_it_says_which_seed_failed_at_which_step_and_how_to_rehearse_it(monkeypatch) -> None:
    def wrong(seen: Seen):
        """Nothing is ever billed."""
        yield from (f"invoice {invoice.pk}" for invoice in seen.invoices)

    monkeypatch.setattr(simulating.invariants, "ALWAYS", (wrong,))
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("simulate", seeds=1, first=31, stdout=out)
    assert stopped.value.code == 1
    told = out.getvalue()
    assert told.startswith("seed 31: Broken: wrong after step 1: subscribe at ")
    assert "(Nothing is ever billed.)" in told
    assert "1 of 1 seeds, 1 failed" in told
    story = told[told.index("\n") + 1 : told.index("1 of 1 seeds")]
    assert yaml.safe_load(story) == invent(31)


@pytest.mark.django_db
def test_work_that_goes_on_when_it_is_done_again_is_noticed(monkeypatch) -> None:
    do = simulating.due.do

    def drops(world, kinds=simulating.due.BY_A_STEP) -> None:
        do(world, kinds)
        Subscription.objects.filter(tenant__in=world.ids).update(terms_done=F("terms_done") + 1)

    monkeypatch.setattr(simulating.due, "do", drops)
    failure = simulating.play(31)
    assert failure is not None
    assert "doing_it_again_changes_nothing" in failure.what
