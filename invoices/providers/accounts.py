"""Sellers' accounts at providers: set up with keys that were tried, put out of use, and made into gateways."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from invoices.models import ProviderAccount
from invoices.providers import keys
from invoices.providers.alipay import Alipay, AlipayAccount
from invoices.providers.port import Gateway
from invoices.providers.wechat import WeChat, WeChatAccount
from tenants import audit
from tenants.errors import Conflict, DomainError, Invalid, Mistakes
from tenants.models import Seller, User

Provider = ProviderAccount.Provider

OWN_GATEWAYS = {
    Provider.ALIPAY: "https://openapi.alipay.com/gateway.do",
    Provider.WECHAT: "https://api.mch.weixin.qq.com",
}
# The keys of each provider by name, and whether there is no account without it.
KEYS = {
    Provider.ALIPAY: {"private_key": True, "public_key": True},
    Provider.WECHAT: {
        "private_key": True,
        "serial": True,
        "public_key": True,
        "public_key_id": True,
        "v3_key": True,
        "v2_key": False,  # contracts of deduction only
    },
}
# An account may live on its keys only with these ids, which are also part of addresses.
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,40}")


class OtherGateway(Invalid):
    """An account names an address that is neither the provider's own nor in PAYMENT_GATEWAYS."""

    code = "gateway_not_allowed"


@transaction.atomic
def set_up(
    seller: Seller,
    provider: str,
    *,
    app_id: str,
    merchant: str,
    secrets: Mapping[str, str],
    at: datetime,
    by: User | None,
    plan: str = "",
    gateway: str = "",
) -> ProviderAccount:
    """Make a seller's account at a provider, or change it; keys that are left out stay as they are.

    `secrets` has the names of KEYS; RSA keys may be PEM or bare Base64. Every key is tried: it loads, it signs what its other half
    verifies, and the provider's public key is not the seller's own. Raises Mistakes, OtherGateway, Conflict.
    """
    held = ProviderAccount.objects.select_for_update(no_key=True).filter(seller=seller, provider=provider).first()
    account = held or ProviderAccount(seller=seller, provider=provider)
    known = keys.unseal(held.secrets, of=_name(held)) if held else {}
    account.app_id, account.merchant, account.plan, account.gateway = _ids(app_id, merchant, plan, gateway)
    _refuse_taken(account)
    whole = tried(provider, known | {name: text.strip() for name, text in secrets.items() if text.strip()})
    account.secrets, account.fingerprint = keys.seal(whole, of=_name(account)), keys.fingerprint(whole)
    account.changed_at, account.changed_by = at, by
    account.save()
    _record("set_up", account, at=at, by=by)
    return account


@transaction.atomic
def set_active(account: ProviderAccount, active: bool, *, at: datetime, by: User | None) -> ProviderAccount:
    """Let new payments go through an account or not; what went through it is asked for and paid back all the same."""
    account = ProviderAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
    if account.active != active:
        account.active, account.changed_at, account.changed_by = active, at, by
        account.save(update_fields=["active", "changed_at", "changed_by"])
        _record("taken_up" if active else "put_away", account, at=at, by=by)
    return account


@transaction.atomic
def rotate(*, at: datetime, by: User | None) -> int:
    """Encrypt the keys of all accounts with the newest of PAYMENT_KEYS and return how many; raise Sealed, then none is."""
    accounts = ProviderAccount.objects.select_for_update(no_key=True).order_by("pk")
    for account in accounts:
        account.secrets = keys.reseal(account.secrets)
        account.save(update_fields=["secrets"])
        _record("keys_rotated", account, at=at, by=by)
    return len(accounts)


def gateway_of(account: ProviderAccount) -> Gateway:
    """Return the adapter of an account, whether it is in use or not; raise Sealed, OtherGateway."""
    values = keys.unseal(account.secrets, of=_name(account))
    return MAKERS[Provider(account.provider)](account, _allowed(account), values)


def callback_address(account: ProviderAccount) -> str:
    """Return where the provider tells us of what happened: each account has its own address, without a query."""
    return f"{settings.SITE_URL}/callbacks/{account.provider}/{account.pk}/"


def tried(provider: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the keys as they are kept, after trying each; raise Mistakes that name them."""
    wanted = KEYS[Provider(provider)]
    mistakes: list[DomainError] = [
        Invalid(_("This key is missing."), field=name) for name, must in wanted.items() if must and not values.get(name)
    ]
    mistakes += [Invalid(_("There is no such key."), field=name) for name in values if name not in wanted]
    kept = dict(values)
    for name in wanted.keys() & values.keys():
        try:
            kept[name] = CHECKS[name](values[name])
        except keys.Unusable:
            mistakes.append(Invalid(_refusal(name), field=name))
    if not mistakes and keys.public_half(kept["private_key"]) == kept["public_key"]:
        mistakes.append(Invalid(_("This is your own public key. Paste the one of the provider."), field="public_key"))
    if mistakes:
        raise Mistakes(mistakes)
    return kept


def _refusal(name: str) -> str:
    return {
        "private_key": _("This is no private RSA key of at least 2048 bits, as PEM or Base64 and without a password."),
        "public_key": _("This is no public RSA key of at least 2048 bits, as PEM or Base64 (not a certificate)."),
        "serial": _("This is no serial number of a certificate: 40 digits and letters A–F."),
        "public_key_id": _("This is no ID of a public key: it begins with PUB_KEY_ID_."),
    }.get(name, _("This key has exactly 32 digits and letters."))


def _matching(pattern: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise keys.Unusable("wrong form")
        return text

    return check


CHECKS: dict[str, Callable[[str], str]] = {
    "private_key": keys.private_key,
    "public_key": keys.public_key,
    "serial": _matching(r"[0-9A-Fa-f]{8,64}"),
    "public_key_id": _matching(r"PUB_KEY_ID_[0-9A-Za-z]{1,64}"),
    "v3_key": _matching(r"[0-9A-Za-z]{32}"),
    "v2_key": _matching(r"[0-9A-Za-z]{32}"),
}


def _ids(app_id: str, merchant: str, plan: str, gateway: str) -> tuple[str, str, str, str]:
    ids = {"app_id": app_id.strip(), "merchant": merchant.strip()}
    wrong: list[DomainError] = [
        Invalid(_("Digits and letters only, as the provider gave it."), field=field)
        for field, text in ids.items()
        if not PLAIN.fullmatch(text)
    ]
    if wrong:
        raise Mistakes(wrong)
    gateway = gateway.strip()
    if gateway and gateway not in settings.PAYMENT_GATEWAYS:
        raise _other()
    return ids["app_id"], ids["merchant"], plan.strip(), gateway


def _allowed(account: ProviderAccount) -> str:
    """Return the address of the account's gateway; the setting may have changed since it was set up."""
    if account.gateway and account.gateway not in settings.PAYMENT_GATEWAYS:
        raise _other()
    return account.gateway or OWN_GATEWAYS[Provider(account.provider)]


def _other() -> OtherGateway:
    return OtherGateway(
        _("Leave the gateway empty for the provider's own, or put this address into PAYMENT_GATEWAYS first."),
        field="gateway",
    )


def _refuse_taken(account: ProviderAccount) -> None:
    same = {"provider": account.provider, "app_id": account.app_id, "merchant": account.merchant}
    if ProviderAccount.objects.filter(**same).exclude(pk=account.pk).exists():
        raise Conflict(_("Another seller has this account already."), field="merchant")


def _name(account: ProviderAccount) -> str:
    return f"{account.provider}:{account.app_id}:{account.merchant}"


def _record(what: str, account: ProviderAccount, *, at: datetime, by: User | None) -> None:
    audit.record(
        f"provider_account.{what}",
        tenant=None,
        target=f"provideraccount:{account.pk}",
        at=at,
        by=by,
        provider=account.provider,
        merchant=account.merchant,
        fingerprint=account.fingerprint[:12],
    )


def _alipay(account: ProviderAccount, gateway: str, values: Mapping[str, str]) -> Gateway:
    return Alipay(
        AlipayAccount(
            app_id=account.app_id,
            seller_id=account.merchant,
            scene=account.plan,
            gateway=gateway,
            callback=callback_address(account),
            private_key=values["private_key"],
            public_key=values["public_key"],
        )
    )


def _wechat(account: ProviderAccount, gateway: str, values: Mapping[str, str]) -> Gateway:
    return WeChat(
        WeChatAccount(
            app_id=account.app_id,
            merchant=account.merchant,
            plan=account.plan,
            gateway=gateway,
            callback=callback_address(account),
            private_key=values["private_key"],
            serial=values["serial"],
            public_key=values["public_key"],
            public_key_id=values["public_key_id"],
            v3_key=values["v3_key"],
            v2_key=values.get("v2_key", ""),
        )
    )


MAKERS: dict[Provider, Callable[[ProviderAccount, str, Mapping[str, str]], Gateway]] = {
    Provider.ALIPAY: _alipay,
    Provider.WECHAT: _wechat,
}
