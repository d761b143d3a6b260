"""Two answers to one quote at one moment: one is taken, the other is told so."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from billing import defining
from billing.models import Subscription
from invoices import quoting
from tenants.errors import WrongState
from tests import shop, shopping
from tests.invoices import quotes_samples as samples

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.connections]


def at_once(*work) -> list[object]:
    """Do all of it at one moment, each on a connection of its own; return what came back or was raised."""
    ready = Barrier(len(work))

    def run(piece) -> object:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '30s'")  # a lock that is never given is an error, not a wait
            ready.wait(30)
            return piece()
        except WrongState as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, piece) for piece in work]]


def test_it_accepts_once_from_two_windows():
    sold_by = shop.seller()
    defining.define_meters(sold_by, shopping.METERS, at=shop.OPENED)
    tenant = shop.tenant()
    quote = samples.sent(tenant, samples.version(sold_by))
    alice = samples.buyer(tenant)

    def accept() -> Subscription:
        return quoting.accept(quote, samples.yes(quote), by=alice, at=samples.NOW)

    answers = at_once(accept, accept)
    assert sorted(type(answer).__name__ for answer in answers) == ["Subscription", "WrongState"]
    assert Subscription.objects.filter(tenant=tenant).count() == 1


def test_it_is_accepted_or_withdrawn_never_both():
    sold_by = shop.seller()
    defining.define_meters(sold_by, shopping.METERS, at=shop.OPENED)
    tenant = shop.tenant()
    quote = samples.sent(tenant, samples.version(sold_by))
    alice = samples.buyer(tenant)
    at_once(
        lambda: quoting.accept(quote, samples.yes(quote), by=alice, at=samples.NOW),
        lambda: quoting.withdraw(quote, reason="typo", at=samples.NOW, by=None),
    )
    quote.refresh_from_db()
    assert (quote.status, Subscription.objects.filter(tenant=tenant).count()) in (("accepted", 1), ("withdrawn", 0))
