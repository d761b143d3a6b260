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
from invoices.rehearsal import invariants, playing, reading, simulating, tiling
from invoices.rehearsal import seen as seeing
from invoices.rehearsal.inventing import invent
from invoices.rehearsal.seen import Seen

TESTS, EACH = 20, 10
# Short lives: more seeds find more in the same time. `manage.py simulate` plays longer ones.
STEPS = 5


@pytest.mark.story
@pytest.mark.django_db
@pytest.mark.parametrize("first", range(0, TESTS * EACH, EACH))
def test_no_customer_breaks_an_invariant(first: int) -> None:
    failures = [failure for _seed, failure in simulating.simulate(range(first, first + EACH), steps=STEPS) if failure]
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
    (invariants.deductions_have_a_right, lambda seen: _deducted(seen, authorisation=None)),
    (invariants.deductions_have_a_right, lambda seen: _deducted(seen, notice=None)),
    (invariants.deductions_have_a_right, lambda seen: _deducted(seen, amount_minor=99_999_999)),
    (
        invariants.deductions_have_a_right,
        lambda seen: _deducted(seen, received_at=seen.payments[0].received_at - 90 * DAY),
    ),
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
        for invariant in (*invariants.ALWAYS, *tiling.ALWAYS):
            assert list(invariant(seen)) == []
        noticed.extend([bool(list(invariant(breaks(seen)))) for invariant, breaks in BREAKS])

    _seen(check)
    assert noticed == [True] * len(BREAKS)


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
