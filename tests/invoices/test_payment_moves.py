"""A payment moves along its states only, whoever writes to its row: the trigger invoices_payment_moves."""

import pytest
from django.db import IntegrityError, connection, transaction

from tests.rows import copy_row, furnish

pytestmark = pytest.mark.django_db

STATES = ("intended", "unknown", "succeeded", "failed", "refunded")
MAY = {
    ("intended", "unknown"),
    ("intended", "succeeded"),
    ("intended", "failed"),
    ("unknown", "intended"),
    ("unknown", "succeeded"),
    ("unknown", "failed"),
    ("failed", "succeeded"),
    ("succeeded", "refunded"),
}
AT_PROVIDER = {"method": "'alipay'", "provider": "'alipay'", "product": "'qr'", "reference": "'P1'"}


def write(state, **more):
    """Write a payment of a state; a failed one says why."""
    copy_row("invoices_payment", {"status": f"'{state}'", "failure": failure(state), **AT_PROVIDER, **more})


def failure(state):
    return "'x'" if state == "failed" else "''"


def update(change):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE invoices_payment SET {change} WHERE reference = 'P1'")
        assert cursor.rowcount == 1


def refused(change):
    with pytest.raises(IntegrityError, match="may not become"), transaction.atomic():
        update(change)
    return True


@pytest.mark.parametrize("old", STATES)
def test_it_moves_along_its_states_only(old):
    furnish()
    write(old)
    for new in STATES:
        if new == old:
            continue
        change = f"status = '{new}', failure = {failure(new)}"
        with transaction.atomic():
            if (old, new) in MAY:
                update(change)
                transaction.set_rollback(True)
            else:
                assert refused(change)


@pytest.mark.parametrize("method", ["wallet", "transfer"])
def test_only_what_was_asked_of_a_provider_may_turn_out_paid(method):
    furnish()
    write("failed", method=f"'{method}'", provider=f"'{method}'", product="''")
    assert refused("status = 'succeeded', failure = ''")


@pytest.mark.parametrize("state", ["succeeded", "refunded"])
@pytest.mark.parametrize(
    "change",
    [
        "received_at = received_at + interval '1 day'",
        "provider_number = 'other'",
        "payer_name = 'other'",
        "returned_minor = 4",
    ],
)
def test_what_is_settled_keeps_who_paid_and_when(state, change):
    furnish()
    write(state, returned_minor="5")
    assert refused(change)
    update("returned_minor = 6")


@pytest.mark.parametrize("state", ["intended", "unknown", "failed"])
def test_nothing_returns_of_what_never_came(state):
    furnish()
    write(state)
    assert refused("returned_minor = 1")


def test_a_payment_of_the_provider_is_one_of_ours():
    furnish()
    write("succeeded", provider_number="'T1'")
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        write("succeeded", provider_number="'T1'", reference="'P2'")
    assert refusal.value.__cause__.diag.constraint_name == "payment_provider_number_once"
