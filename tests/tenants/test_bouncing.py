"""Mails that came back take their delivery back; what is forged, foreign, soft or repeated changes nothing."""

from datetime import timedelta

import pytest
from django.db import transaction

from tenants import bouncing, companies, notices, reaching
from tenants.errors import WrongState
from tenants.models import Bounce, Notice
from tests.tenants.conftest import NOW
from tests.tenants.returned import letter_of_a_person, returned

pytestmark = pytest.mark.django_db
PAYLOAD = {"tenant": "acme", "path": "/", "inviter": "Alice", "role": "viewer"}
FINANCE = "finance@acme.example"
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def notice(acme, seller):
    with transaction.atomic():
        said = notices.announce(acme, kind="member_invited", key="k", payload=PAYLOAD, at=NOW, seller=seller)
    notices.deliver(at=NOW)
    said.refresh_from_db()
    assert said.status == "delivered"
    return said


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "message/rfc822"])
def test_what_came_back_is_not_delivered(notice, kind):
    bounce = bouncing.record(returned(notice, FINANCE, kind=kind), at=LATER)
    assert (bounce.address, bounce.status, bounce.reason) == (FINANCE, "5.1.1", "smtp; 550 5.1.1 no such user")
    notice.refresh_from_db()
    assert (notice.status, notice.delivered_at) == ("failed", None)


def test_it_counts_once(notice):
    assert bouncing.record(returned(notice, FINANCE), at=LATER) is not None
    assert bouncing.record(returned(notice, FINANCE), at=LATER) is None
    assert Bounce.objects.count() == 1


@pytest.mark.parametrize(
    "how",
    [
        {"status": "4.2.2"},
        {"action": "delayed"},
        {"sent": "<notice-1-000000000000000000000000@mingzhang.example>"},
        {"sent": "<somebody@else.example>"},
        {"kind": "text/plain"},
    ],
)
def test_soft_foreign_and_forged_ones_change_nothing(notice, how):
    assert bouncing.record(returned(notice, FINANCE, **how), at=LATER) is None
    notice.refresh_from_db()
    assert notice.status == "delivered"


@pytest.mark.parametrize("raw", [b"", b"\xff\x00", b"Content-Type: multipart/report\r\n\r\nx", b"x" * 5000])
def test_nonsense_changes_nothing(notice, raw):
    assert bouncing.record(raw, at=LATER) is None


def test_a_letter_of_a_person_is_no_notification(notice):
    assert bouncing.record(letter_of_a_person(notice, FINANCE), at=LATER) is None


def test_another_address_keeps_it_delivered(acme, seller):
    people = [companies.NewContact(name=n, email=f"{n}@acme.example") for n in ("a", "b")]
    companies.set_contacts(acme, people, at=NOW, by=None)
    with transaction.atomic():
        said = notices.announce(acme, kind="member_invited", key="k", payload=PAYLOAD, at=NOW, seller=seller)
    notices.deliver(at=NOW)
    bouncing.record(returned(said, "a@acme.example"), at=LATER)
    said.refresh_from_db()
    assert (said.status, said.delivered_at) == ("delivered", NOW)


def test_who_opens_it_has_it(notice, alice):
    bouncing.record(returned(notice, FINANCE), at=LATER)
    assert reaching.opened(notice, at=LATER + timedelta(hours=1), by=alice)
    notice.refresh_from_db()
    assert (notice.status, notice.delivered_at) == ("delivered", LATER + timedelta(hours=1))


def test_a_stranger_does_not_open_it(notice, other, django_user_model):
    stranger = django_user_model.objects.create_user("x@x.example", "secret")
    bouncing.record(returned(notice, FINANCE), at=LATER)
    assert not reaching.opened(notice, at=LATER, by=stranger)
    assert Notice.objects.get(pk=notice.pk).status == "failed"


def test_it_is_sent_again_to_an_address_that_works(notice, acme, mailoutbox):
    bouncing.record(returned(notice, FINANCE), at=LATER)
    companies.set_contacts(acme, [companies.NewContact(name="新", email="new@acme.example")], at=LATER, by=None)
    assert notices.retry([notice], at=LATER) == 1
    assert notices.deliver(at=LATER) == 1
    assert [mail.to for mail in mailoutbox] == [[FINANCE], ["new@acme.example"]]
    notice.refresh_from_db()
    assert (notice.status, notice.delivered_at) == ("delivered", LATER)


def test_an_operator_sees_to_it_once(notice, alice):
    bounce = bouncing.record(returned(notice, FINANCE), at=LATER)
    bouncing.seen(bounce, at=LATER, by=alice)
    with pytest.raises(WrongState):
        bouncing.seen(bounce, at=LATER, by=alice)
