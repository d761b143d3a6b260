"""Which gateway a seller's payments go through: the adapter of his account, or in a rehearsal the simulated one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.utils.translation import gettext as _

from invoices.models import ProviderAccount
from invoices.providers import accounts
from invoices.providers.port import Gateway
from tenants.errors import WrongState
from tenants.models import Seller

Choice = Callable[[Seller, str], Gateway]

# Set by a rehearsal or a test for as long as it runs: its gateways, instead of the sellers' own.
instead: ContextVar[Choice | None] = ContextVar("instead", default=None)

# The adapter of each provider, made of a seller's account.
ADAPTERS: dict[str, Callable[[ProviderAccount], Gateway]] = {
    ProviderAccount.Provider.ALIPAY: accounts.gateway_of,
    ProviderAccount.Provider.WECHAT: accounts.gateway_of,
}


class NoProvider(WrongState):
    """The seller has no account in use at this provider."""

    code = "no_provider"


def gateway_for(seller: Seller, provider: str) -> Gateway:
    """Return the gateway for something new at a provider; raise NoProvider where the seller has no account in use there."""
    if (choose := instead.get()) is not None:
        return choose(seller, provider)
    account = ProviderAccount.objects.filter(seller=seller, provider=provider, active=True).first()
    if account is None:
        raise NoProvider(_("This way of payment is not available now; choose another one."), field="method")
    return adapter(account)


def gateway_of(seller: Seller, provider: str) -> Gateway:
    """Return the gateway through which something is under way, also of an account that is out of use by now."""
    if (choose := instead.get()) is not None:
        return choose(seller, provider)
    account = ProviderAccount.objects.filter(seller=seller, provider=provider).first()
    if account is None:
        raise NoProvider(_("This way of payment is not available now; choose another one."), field="method")
    return adapter(account)


def of_account(account: ProviderAccount) -> Gateway:
    """Return the gateway of an account, also of one that is out of use: what was paid through it is still heard of."""
    if (choose := instead.get()) is not None:
        return choose(account.seller, account.provider)
    return adapter(account)


def adapter(account: ProviderAccount) -> Gateway:
    """Return the adapter of an account; raise NoProvider where its provider has none."""
    if account.provider not in ADAPTERS:
        raise NoProvider(_("This way of payment is not available now; choose another one."), field="method")
    return ADAPTERS[account.provider](account)


def offered(seller: Seller) -> list[str]:
    """Return the providers through which a seller takes payments now, in the order of their names."""
    if instead.get() is not None:
        return list(ProviderAccount.Provider.values)
    mine = ProviderAccount.objects.filter(seller=seller, active=True, provider__in=list(ADAPTERS))
    return sorted(mine.values_list("provider", flat=True))


@contextmanager
def using(choose: Choice) -> Iterator[None]:
    """Let all calls inside go to other gateways than the sellers' own."""
    token = instead.set(choose)
    try:
        yield
    finally:
        instead.reset(token)
