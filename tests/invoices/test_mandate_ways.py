"""What is paid by hand is deducted from when an agreement is in force, and by hand again when it has ended."""

from datetime import timedelta

import pytest

from billing.models import Subscription
from invoices import mandates
from invoices.models import Invoice, Mandate
from invoices.providers.port import Signed, State
from tenants.models import AuditEntry
from tests import shop
from tests.invoices.agreed import SIGNED, offered
from tests.invoices.at_provider import BASE, simulated, sold

pytestmark = pytest.mark.django_db
LATER = SIGNED + timedelta(hours=1)


@pytest.fixture
def qingyu():
    with simulated("approve"):
        yield sold()


@pytest.fixture
def acme(qingyu):
    return shop.tenant()


def bought(who, seller, pays, label):
    version = shop.plan(seller, [BASE], code=f"plan-{label}")
    return shop.subscribe(who, version, "2026-01-31", pays=pays, label=label)


def signed(acme, qingyu):
    made = offered(acme, qingyu)
    return mandates.settle_contract(made.pk, Signed(State.SUCCEEDED, made.number, f"C{made.pk}"), at=SIGNED)


def ways():
    return dict(Subscription.objects.values_list("label", "pays"))


def test_what_is_paid_by_hand_is_deducted_once_it_is_signed_and_no_sooner(acme, qingyu):
    bought(acme, qingyu, "manual", "by hand")
    bought(acme, qingyu, "wallet", "balance")
    bought(shop.tenant("other"), qingyu, "manual", "of another")
    offered(acme, qingyu)
    assert ways() == {"by hand": "manual", "balance": "wallet", "of another": "manual"}
    signed(acme, qingyu)
    assert ways() == {"by hand": "mandate", "balance": "wallet", "of another": "manual"}
    assert AuditEntry.objects.filter(verb="subscription.way", tenant=acme).count() == 1


def test_it_is_paid_by_hand_again_after_its_end(acme, qingyu):
    bought(acme, qingyu, "manual", "by hand")
    mandates.end(signed(acme, qingyu), at=LATER, by=None)
    assert ways() == {"by hand": "manual"}


def test_a_new_agreement_in_place_of_an_old_one_goes_on_deducting(acme, qingyu):
    bought(acme, qingyu, "manual", "by hand")
    signed(acme, qingyu)
    signed(acme, qingyu)
    assert ways() == {"by hand": "mandate"}
    assert Mandate.objects.filter(status="active").count() == 1


def test_a_bill_that_is_there_keeps_its_way(acme, qingyu):
    bought(acme, qingyu, "manual", "by hand")
    shop.bill("2026-01-31 09:00")
    signed(acme, qingyu)
    assert set(Invoice.objects.values_list("pays", flat=True)) == {"manual"}
