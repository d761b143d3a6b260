"""An unsafe request that is repeated gets its first answer and does nothing."""

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection

from tenants import idempotency
from tenants.errors import Invalid
from tenants.idempotency import Asked, KeyReused
from tenants.models import IdempotencyKey
from tests.tenants.conftest import NOW


def asked(key="k", body=b"{}", owner="key:1", path="/api/v1/payments") -> Asked:
    return Asked(owner, key, "POST", path, body)


@pytest.fixture
def acts():
    """An act that counts how often it is done."""
    done = []

    def act():
        done.append(1)
        return 201, {"number": len(done)}

    act.done = done
    return act


@pytest.mark.django_db
def test_it_acts_once_and_repeats_the_answer(acts):
    assert idempotency.once(asked(), acts, at=NOW) == (201, {"number": 1}, False)
    assert idempotency.once(asked(), acts, at=NOW) == (201, {"number": 1}, True)
    assert len(acts.done) == 1


@pytest.mark.django_db
def test_it_keeps_owners_apart(acts):
    idempotency.once(asked(), acts, at=NOW)
    idempotency.once(asked(owner="key:2"), acts, at=NOW)
    assert len(acts.done) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("other", [{"body": b"[]"}, {"path": "/api/v1/tenants"}])
def test_it_refuses_the_key_for_another_request_and_names_it(acts, other):
    idempotency.once(asked("order-7"), acts, at=NOW)
    with pytest.raises(KeyReused) as refusal:
        idempotency.once(asked("order-7", **other), acts, at=NOW)
    assert (refusal.value.status, "order-7" in refusal.value.message) == (409, True)


@pytest.mark.django_db
def test_it_keeps_nothing_of_an_act_that_failed(acts):
    def fail():
        raise Invalid("no")

    with pytest.raises(Invalid):
        idempotency.once(asked(), fail, at=NOW)
    assert idempotency.once(asked(), acts, at=NOW)[2] is False


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "k" * 121, "a\x00"])
def test_it_refuses_a_key_without_form(acts, key):
    with pytest.raises(Invalid):
        idempotency.once(asked(key), acts, at=NOW)


@pytest.mark.django_db
def test_it_forgets_old_answers(acts):
    idempotency.once(asked("old"), acts, at=NOW - idempotency.KEPT - timedelta(seconds=1))
    idempotency.once(asked("new"), acts, at=NOW)
    assert idempotency.forget(NOW) == 1
    assert IdempotencyKey.objects.get().key == "new"


@pytest.mark.django_db(transaction=True)
@pytest.mark.connections
def test_it_acts_once_for_several_at_once(acts):
    answers = []

    def ask():
        answers.append(idempotency.once(asked(), acts, at=NOW))
        connection.close()

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(acts.done) == 1
    assert sorted(repeated for _status, _answer, repeated in answers) == [False, True, True, True]
