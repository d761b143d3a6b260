"""What operators do with balances: top up with a reason, and read the statement."""

import pytest

from billing.models import TopUp, Wallet
from tests.admin.conftest import staff
from tests.admin.test_acts import ENGLISH, said, to, twice

pytestmark = pytest.mark.django_db


def sent(world, **changes):
    return {"seller": world.seller.pk, "amount": "50", "reason": "年会赠送", "key": "form-1"} | changes


def test_it_tops_up_once_however_often_the_form_is_sent(desk, world):
    page = to("tenants_tenant", "top_up", world.tenant)
    before = Wallet.objects.filter(tenant=world.tenant).first()
    for _time in range(2):
        assert twice(desk, page, sent(world, gift="on")).status_code == 302
    wallet = Wallet.objects.get(tenant=world.tenant)
    assert wallet.gift_minor == 50_00 + (before.gift_minor if before else 0)
    assert TopUp.objects.filter(key="form-1").count() == 1


@pytest.mark.parametrize(
    ("change", "why"), [({"amount": "0"}, "above zero"), ({"amount": "x"}, "no amount"), ({"reason": " "}, "required")]
)
def test_it_says_what_is_wrong(desk, world, change, why):
    answer = desk.post(to("tenants_tenant", "top_up", world.tenant), sent(world, **change), headers=ENGLISH)
    assert why in said(answer)
    assert not TopUp.objects.filter(key="form-1").exists()


def test_the_statement_stands_on_the_balance(desk, world):
    twice(desk, to("tenants_tenant", "top_up", world.tenant), sent(world))
    wallet = Wallet.objects.get(tenant=world.tenant)
    assert "年会赠送" in said(desk.get(to("billing_wallet", "change", wallet)))


def test_who_may_only_look_does_not_top_up(client, world):
    client.force_login(staff("Viewer"), "allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(to("tenants_tenant", "top_up", world.tenant), sent(world)).status_code == 403
