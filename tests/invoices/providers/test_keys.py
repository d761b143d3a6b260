"""Keys at rest: sealed for one account, read with any of PAYMENT_KEYS, in no repr, no log, no exception."""

import base64
import logging
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from config import local
from invoices.models import ProviderAccount
from invoices.providers import accounts, gateways, keys
from invoices.providers.port import NoAnswer
from tenants.errors import Conflict, Invalid, Mistakes
from tenants.models import AuditEntry, Seller
from tests import shop

NOW = shop.at("2026-12-01 10:00")
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.PAYMENT_KEYS = [OLD]


@pytest.fixture
def seller(db) -> Seller:
    return shop.seller()


@pytest.fixture
def wanted(sandbox, settings):
    settings.PAYMENT_GATEWAYS = [sandbox.account[name]["gateway"] for name in ("alipay", "wechat")]
    return sandbox.account


def set_up(seller, provider, wanted, **other) -> ProviderAccount:
    return accounts.set_up(seller, provider, **{**wanted[provider], **other}, at=NOW, by=None)


def secret_texts(wanted) -> list[str]:
    """Every line of every key that nobody may see."""
    hidden = [wanted["alipay"]["secrets"]["private_key"], wanted["wechat"]["secrets"]["private_key"]]
    lines = [line for text in hidden for line in text.splitlines() if "-----" not in line]
    return [*lines, wanted["wechat"]["secrets"]["v3_key"], wanted["wechat"]["secrets"]["v2_key"]]


def test_it_reads_what_it_sealed():
    sealed = keys.seal({"a": "秘密"}, of="alipay:1:2")
    assert "秘密" not in sealed
    assert keys.unseal(sealed, of="alipay:1:2") == {"a": "秘密"}


def test_it_reads_the_keys_of_no_other_account():
    with pytest.raises(keys.Sealed):
        keys.unseal(keys.seal({"a": "x"}, of="alipay:1:2"), of="alipay:1:3")


def test_it_reads_with_older_keys_and_writes_with_the_newest(settings):
    sealed = keys.seal({"a": "x"}, of="1")
    settings.PAYMENT_KEYS = [NEW, OLD]
    assert keys.unseal(sealed, of="1") == {"a": "x"}
    again = keys.reseal(sealed)
    settings.PAYMENT_KEYS = [NEW]
    assert keys.unseal(again, of="1") == {"a": "x"}
    for call in (lambda: keys.unseal(sealed, of="1"), lambda: keys.reseal(sealed)):
        with pytest.raises(keys.Sealed, match="PAYMENT_KEYS"):
            call()


def test_it_says_what_is_wrong_with_the_setting_without_showing_it(settings):
    settings.PAYMENT_KEYS = ["nonsense"]
    with pytest.raises(ImproperlyConfigured, match="32 bytes") as wrong:
        keys.seal({}, of="1")
    assert "nonsense" not in str(wrong.value)


def test_a_fingerprint_tells_sets_of_keys_apart():
    assert keys.fingerprint({"a": "1", "b": "2"}) == keys.fingerprint({"b": "2", "a": "1"})
    assert keys.fingerprint({"a": "1"}) != keys.fingerprint({"a": "2"})
    assert len(keys.fingerprint({})) == 64


def test_it_takes_keys_as_pem_and_as_bare_base64(sandbox_keys):
    private, public = sandbox_keys.alipay_private_ours, sandbox_keys.alipay_public_ours
    for text, load in ((private, keys.private_key), (public, keys.public_key)):
        bare = "".join(line for line in text.splitlines() if "-----" not in line)
        assert load(text) == load(bare) == load(f"\n  {bare[:64]}\n{bare[64:]}  ")
    assert keys.public_half(keys.private_key(private)) == keys.public_key(public)


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "签名"])
def test_it_takes_no_nonsense_for_a_key(text):
    for load in (keys.private_key, keys.public_key):
        with pytest.raises(keys.Unusable) as wrong:
            load(text)
        assert not text or text not in str(wrong.value)


def test_it_takes_no_public_key_for_a_private_one(sandbox_keys):
    with pytest.raises(keys.Unusable):
        keys.private_key(sandbox_keys.alipay_public_ours)
    with pytest.raises(keys.Unusable):
        keys.public_key(sandbox_keys.alipay_private_ours)


@pytest.mark.parametrize("provider", ["alipay", "wechat"])
def test_it_sets_an_account_up_whose_gateway_works(sandbox, seller, wanted, order, provider):
    account = set_up(seller, provider, wanted)
    assert gateways.gateway_for(seller, provider).name == provider
    assert "://" in accounts.gateway_of(account).begin(order)
    entry = AuditEntry.objects.get(verb="provider_account.set_up")
    assert entry.detail["fingerprint"] == account.fingerprint[:12]
    shown = f"{account.secrets}{account.__dict__}{entry.detail}{account!r}"
    assert [text for text in secret_texts(wanted) if text in shown] == []


def test_it_keeps_keys_that_are_left_out_and_changes_the_others(seller, wanted):
    first = set_up(seller, "wechat", wanted)
    again = set_up(seller, "wechat", wanted, secrets={"v3_key": "k" * 32, "v2_key": ""}, plan="99")
    assert (again.pk, again.plan) == (first.pk, "99")
    assert again.fingerprint != first.fingerprint
    gateway = accounts.gateway_of(again)
    assert gateway.account.v3_key == "k" * 32
    assert gateway.account.v2_key == wanted["wechat"]["secrets"]["v2_key"]


def test_it_names_every_key_that_is_wrong(seller, wanted):
    bad = {"private_key": "x", "public_key": "y", "serial": "?", "public_key_id": "5A", "v3_key": "short", "other": "1"}
    with pytest.raises(Mistakes) as refused:
        set_up(seller, "wechat", wanted, secrets=bad)
    assert {one.field for one in refused.value.mistakes} == set(bad)
    with pytest.raises(Mistakes) as refused:
        set_up(seller, "alipay", wanted, secrets={})
    assert {one.field for one in refused.value.mistakes} == {"private_key", "public_key"}
    assert not ProviderAccount.objects.exists()


def test_it_sees_that_somebody_pasted_his_own_public_key(seller, wanted, sandbox_keys):
    own = {"public_key": sandbox_keys.alipay_public_ours, "private_key": sandbox_keys.alipay_private_ours}
    with pytest.raises(Mistakes, match=r"您自己的公钥"):
        set_up(seller, "alipay", wanted, secrets=own)


@pytest.mark.parametrize("field", ["app_id", "merchant"])
def test_it_refuses_ids_with_signs_in_them(seller, wanted, field):
    with pytest.raises(Mistakes) as refused:
        set_up(seller, "alipay", wanted, **{field: "1/../2"})
    assert refused.value.field == field


def test_it_lets_in_no_gateway_but_those_of_the_setting(seller, wanted, settings):
    account = set_up(seller, "alipay", wanted)
    settings.PAYMENT_GATEWAYS = []
    with pytest.raises(accounts.OtherGateway):
        set_up(seller, "wechat", wanted)
    with pytest.raises(accounts.OtherGateway):
        accounts.gateway_of(account)
    own = set_up(seller, "wechat", wanted, gateway="")
    assert accounts.gateway_of(own).account.gateway == "https://api.mch.weixin.qq.com"


def test_it_gives_an_account_to_one_seller_only(seller, wanted):
    set_up(seller, "alipay", wanted)
    other = shop.seller("other")
    with pytest.raises(Conflict) as refused:
        set_up(other, "alipay", wanted)
    assert refused.value.field == "merchant"


def test_an_account_out_of_use_takes_nothing_new_and_is_still_asked(seller, wanted):
    account = set_up(seller, "alipay", wanted)
    accounts.set_active(account, False, at=NOW, by=None)
    with pytest.raises(gateways.NoProvider):
        gateways.gateway_for(seller, "alipay")
    assert gateways.of_account(account).ask("MZ000001")
    accounts.set_active(account, True, at=NOW, by=None)
    assert gateways.gateway_for(seller, "alipay")
    acts = ["provider_account.put_away", "provider_account.taken_up"]
    assert list(AuditEntry.objects.filter(verb__in=acts).order_by("pk").values_list("verb", flat=True)) == acts


def test_it_rotates_every_account_or_none(seller, wanted, settings):
    kept = [set_up(seller, provider, wanted) for provider in ("alipay", "wechat")]
    settings.PAYMENT_KEYS = [NEW, OLD]
    said = StringIO()
    call_command("rotate_payment_keys", stdout=said)
    assert "2 accounts" in said.getvalue()
    settings.PAYMENT_KEYS = [NEW]
    for before in kept:
        after = ProviderAccount.objects.get(pk=before.pk)
        assert after.fingerprint == before.fingerprint
        assert accounts.gateway_of(after)
    settings.PAYMENT_KEYS = [OLD]
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("rotate_payment_keys")


def test_the_address_for_callbacks_is_each_accounts_own(seller, wanted, settings, client):
    settings.SITE_URL = "https://bills.example.com"
    account = set_up(seller, "wechat", wanted)
    address = accounts.callback_address(account)
    assert address == f"https://bills.example.com/callbacks/wechat/{account.pk}/"
    # It is there, open to whoever has no session, and believes nothing of this.
    answer = client.post(address.removeprefix("https://bills.example.com"), data=b"{}", content_type="application/json")
    assert answer.status_code in {400, 401, 403}


@pytest.mark.parametrize("provider", ["alipay", "wechat"])
def test_no_key_and_no_body_is_in_a_repr_a_log_or_an_exception(
    sandbox, seller, wanted, order, provider, caplog, settings
):
    caplog.set_level(logging.DEBUG)
    gateway = accounts.gateway_of(set_up(seller, provider, wanted))
    shown = [repr(gateway), repr(gateway.account), str(gateway.account), repr(vars(gateway)), repr(Invalid("x"))]
    if provider == "wechat":
        shown += [repr(gateway.papay), repr(gateway.sdk), repr(gateway.sdk._core)]
    for fault in ("timeout", "error", "busy", "answer_forged"):
        sandbox.fault(fault)
        with pytest.raises(NoAnswer) as silent:
            gateway.begin(order)
        cause = silent.value
        while cause is not None:
            shown += [repr(cause), str(cause)]
            cause = cause.__cause__ if cause.__suppress_context__ else cause.__context__
    text = "\n".join([*shown, caplog.text])
    assert [secret for secret in secret_texts(wanted) if secret in text] == []
    assert order.subject not in text
    assert "sign=" not in text


def test_keys_made_on_this_machine_are_keys(tmp_path):
    made = local.payment_key(tmp_path / "var")
    assert len(base64.urlsafe_b64decode(made)) == 32
    assert local.payment_key(tmp_path / "var") == made
    assert (tmp_path / "var" / "payment_key").stat().st_mode & 0o777 == 0o600
    assert Fernet(made)
