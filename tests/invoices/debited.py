"""A customer who is debited under an agreement, as fixtures: the agreement, the plan, and a provider that answers as told."""

from __future__ import annotations

import pytest

from invoices import checking, pretelling
from invoices.providers.simulated import Simulated
from tests import shop
from tests.invoices.agreed import agreed, brought, day, debit, debits, subscribed, window
from tests.invoices.at_provider import simulated

DUE = "2026-02-05 00:00"  # the first bill: announced on 31 January, five days later
OPENS = "2026-02-05 07:00"


@pytest.fixture
def simulation():
    with simulated("approve") as made:
        yield made


@pytest.fixture
def acme(simulation):
    return shop.tenant()


@pytest.fixture
def mandate(acme, qingyu):
    """An agreement with Alipay that may debit on any day, at most 500.00 at once."""
    return brought(acme, qingyu)


@pytest.fixture
def sub(acme, qingyu, mandate):
    """A monthly plan of 199.00 from 31 January; its first bill may be deducted on 5 February."""
    return subscribed(acme, qingyu)


@pytest.fixture
def wechat(acme, qingyu):
    return agreed(acme, qingyu, provider="wechat")


@pytest.fixture
def alipay(acme, qingyu):
    """An agreement with Alipay whose days are the 1st to the 6th of a month."""
    return agreed(acme, qingyu, provider="alipay", execute_on=day("2026-02-06"), every_months=1)


def answers(monkeypatch, call, *said):
    """Let the provider answer a call with these, one after the other: an error is raised, the last one stays."""
    left = list(said)

    def answer(_self, asked, *_more, **_how):
        _self.calls.append((call, getattr(asked, "reference", asked)))
        found = left.pop(0) if len(left) > 1 else left[0]
        found = found(asked) if callable(found) else found
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(Simulated, call, answer)


def books_agree():
    assert list(checking.faults()) == []


def held(when=OPENS, **how):
    assert debit(when, **how)[3] == 1
    assert debits() == []


def tells(monkeypatch, first="2026-02-03", last="2026-02-09"):
    """Let WeChat take a notice and answer with a window."""
    answers(monkeypatch, "tell_of_debit", window(first, last))


def tell(when):
    return pretelling.tell(at=shop.at(when))
