"""Notices: announced with their cause and once, delivered at least once, given up in the open."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, transaction

from tenants import companies, files, notices
from tenants.errors import NoTransaction
from tenants.models import Delivery, Notice
from tests.tenants.conftest import NOW, opened

PAYLOAD = {"tenant": "acme", "path": "/", "inviter": "Alice", "role": "viewer"}


class Refusing(EmailBackend):
    """A mail server that refuses some addresses."""

    bad: set[str] = set()

    def send_messages(self, messages):
        if self.bad & set(messages[0].to):
            raise OSError("mailbox full")
        return super().send_messages(messages)


@pytest.fixture
def post(settings):
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    Refusing.bad = set()
    mail.outbox = []
    return Refusing


def tell(tenant, seller=None, key="member-invited:1", **said) -> Notice:
    with transaction.atomic():
        return notices.announce(
            tenant, **({"kind": "member_invited", "key": key, "payload": PAYLOAD, "at": NOW, "seller": seller} | said)
        )


def statuses() -> list[str]:
    return list(Notice.objects.order_by("id").values_list("status", flat=True))


@pytest.mark.django_db(transaction=True)
def test_it_refuses_outside_a_transaction(acme):
    with pytest.raises(NoTransaction):
        notices.announce(acme, kind="member_invited", key="k", payload=PAYLOAD, at=NOW)


@pytest.mark.django_db
def test_it_tells_a_key_once(acme, seller):
    first = tell(acme, seller)
    again = tell(acme, seller, payload=PAYLOAD | {"role": "owner"})
    assert (again.pk, again.payload["role"]) == (first.pk, "viewer")


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"kind": "unheard_of"}, {"payload": {"tenant": "acme"}}])
def test_it_refuses_what_no_letter_can_be_written_of(acme, wrong):
    with pytest.raises(ValueError, match=r"letter|payload"):
        tell(acme, **wrong)


@pytest.mark.django_db
def test_it_announces_many_in_a_few_statements(seller, django_assert_max_num_queries):
    asked = [companies.NewTenant(code=f"c{n}", name="公司") for n in range(30)]
    tenants = [outcome.tenant for outcome in companies.open(asked, at=NOW, by=None)]
    said = [notices.NewNotice(tenant=t, kind="member_invited", key="k", payload=PAYLOAD) for t in tenants]
    with django_assert_max_num_queries(6):
        notices.announce_many(said, at=NOW)
    assert Notice.objects.count() == 30


@pytest.mark.django_db
def test_it_writes_to_the_contacts_of_bills_and_else_to_the_owners(acme, alice, bob):
    assert notices.recipients([acme.pk])[acme.pk] == ["finance@acme.example"]
    companies.set_contacts(acme, [], at=NOW, by=None)
    assert notices.recipients([acme.pk])[acme.pk] == ["alice@acme.example"]


@pytest.mark.django_db
def test_it_keeps_the_recipients_of_the_day(acme):
    notice = tell(acme)
    companies.set_contacts(acme, [], at=NOW, by=None)
    assert Notice.objects.get(pk=notice.pk).recipients == ["finance@acme.example"]


@pytest.mark.django_db
def test_it_sends_the_letter_with_its_file_and_one_identity(acme, seller, post):
    pdf = notices.Attachment("bill.pdf", files.keep(b"%PDF-1.7 x"))
    notice = tell(acme, seller, attachments=[pdf])
    assert notices.deliver(at=NOW) == 1
    [sent] = mail.outbox
    assert sent.to == ["finance@acme.example"]
    assert sent.attachments[0][:2] == ("bill.pdf", b"%PDF-1.7 x")
    assert sent.extra_headers["Message-ID"].startswith(f"<notice-{notice.pk}-")
    assert sent.from_email.endswith("<billing@mingzhang.example>")
    notice.refresh_from_db()
    assert (notice.status, notice.delivered_at, notice.tries) == ("delivered", NOW, 1)
    assert Delivery.objects.get().address == "finance@acme.example"


@pytest.mark.django_db
def test_it_sends_nothing_twice(acme, seller, post):
    tell(acme, seller)
    assert [notices.deliver(at=NOW), notices.deliver(at=NOW + timedelta(days=1))] == [1, 0]
    assert len(mail.outbox) == 1


@pytest.mark.django_db
def test_it_sends_again_after_a_crash_with_the_same_identity(acme, seller, post, monkeypatch):
    tell(acme, seller)
    with monkeypatch.context() as broken:
        broken.setattr("tenants.delivery._write_down", crash)
        with pytest.raises(KeyboardInterrupt):
            notices.deliver(at=NOW)
    assert notices.deliver(at=NOW + timedelta(minutes=9)) == 0  # the lease of the dead one
    assert notices.deliver(at=NOW + timedelta(minutes=10)) == 1
    assert len({m.extra_headers["Message-ID"] for m in mail.outbox}) == 1
    assert len(mail.outbox) == 2


def crash(*_arguments):
    raise KeyboardInterrupt


@pytest.mark.django_db
def test_it_writes_down_that_no_mail_server_answers(acme, seller, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    tell(acme, seller)
    assert notices.deliver(at=NOW) == 0
    assert statuses() == ["pending"]
    assert "refused" in Delivery.objects.get().answer


@pytest.mark.django_db
def test_it_goes_on_after_a_broken_connection(acme, seller, post, monkeypatch):
    people = [companies.NewContact(name=n, email=f"{n}@acme.example") for n in ("a", "b")]
    companies.set_contacts(acme, people, at=NOW, by=None)
    tell(acme, seller)
    post.bad, closed = {"a@acme.example"}, []
    monkeypatch.setattr(Refusing, "close", lambda mailer: closed.append(1))
    notices.deliver(at=NOW)
    assert [m.to for m in mail.outbox] == [["b@acme.example"]]
    assert len(closed) == 2  # after the failure, and at the end


@pytest.mark.django_db
def test_it_tries_again_later_and_later_and_then_gives_up(acme, seller, post):
    post.bad = {"finance@acme.example"}
    notice = tell(acme, seller)
    moments = []
    while Notice.objects.get().status == "pending":
        moment = Notice.objects.get().next_try_at
        moments.append(moment - NOW)
        notices.deliver(at=moment)
    minutes = [0, 1, 6, 21, 81, 321, 1041]  # 0 + 1 + 5 + 15 + 60 + 240 + 720
    assert [moment.total_seconds() / 60 for moment in moments] == minutes
    assert statuses() == ["failed"]
    assert "mailbox full" in notice.deliveries.order_by("number").last().answer
    assert mail.outbox == []


@pytest.mark.django_db
def test_it_can_be_tried_once_more_by_hand(acme, seller, post):
    post.bad = {"finance@acme.example"}
    tell(acme, seller)
    for _try in range(7):
        notices.deliver(at=Notice.objects.get().next_try_at)
    post.bad = set()
    assert notices.retry(Notice.objects.all(), at=NOW + timedelta(days=2)) == 1
    assert notices.deliver(at=NOW + timedelta(days=2)) == 1


@pytest.mark.django_db
def test_it_repeats_only_to_those_who_did_not_get_it(acme, seller, post):
    people = [companies.NewContact(name=n, email=f"{n}@acme.example") for n in ("a", "b")]
    companies.set_contacts(acme, people, at=NOW, by=None)
    tell(acme, seller)
    post.bad = {"b@acme.example"}
    assert notices.deliver(at=NOW) == 0
    post.bad = set()
    assert notices.deliver(at=NOW + timedelta(minutes=1)) == 1
    assert [m.to for m in mail.outbox] == [["a@acme.example"], ["b@acme.example"]]
    assert Notice.objects.get().delivered_at == NOW  # one reader had it then


@pytest.mark.django_db
@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_it_never_sends_without_the_file(acme, seller, post, damage):
    digest = files.keep(b"%PDF-1.7 x")
    tell(acme, seller, attachments=[notices.Attachment("bill.pdf", digest)])
    if damage == "missing":
        files.place(digest).unlink()
    else:
        files.place(digest).write_bytes(b"other")
    assert notices.deliver(at=NOW) == 0
    assert statuses() == ["failed"]
    assert "bill.pdf" in Delivery.objects.get().answer
    assert mail.outbox == []


@pytest.mark.django_db
def test_it_parks_a_notice_that_nobody_receives(seller, post):
    tell(opened("alone"), seller)
    notices.deliver(at=NOW)
    assert statuses() == ["failed"]
    assert not Delivery.objects.get().ok


@pytest.mark.django_db
def test_it_goes_on_past_a_bad_notice(acme, other, seller, post):
    post.bad = {"finance@acme.example"}
    companies.set_contacts(other, [companies.NewContact(name="o", email="o@other.example")], at=NOW, by=None)
    tell(acme, seller)
    tell(other, seller)
    assert notices.deliver(at=NOW) == 1
    assert statuses() == ["pending", "delivered"]


@pytest.mark.django_db
def test_it_writes_in_the_language_of_the_notice(acme, seller, post):
    tell(acme, seller, language="en")
    tell(acme, seller, key="member-invited:2")
    notices.deliver(at=NOW)
    english, chinese = mail.outbox
    assert english.from_email.startswith("Qiyun")
    assert english.subject != chinese.subject


@pytest.mark.django_db
def test_it_leaves_files_that_a_person_can_open(acme, seller, settings):
    tell(acme, seller, attachments=[notices.Attachment("bill.pdf", files.keep(b"%PDF-1.7 x"))])
    settings.EMAIL_BACKEND = "tenants.outbox.FileBackend"
    notices.deliver(at=NOW)
    stem = "20260301T010000-member-invited_1-finance@acme.example"
    names = sorted(path.name for path in settings.OUTBOX_DIR.iterdir())
    assert names == [f"{stem}-bill.pdf", f"{stem}.eml", f"{stem}.html"]
    message = message_from_bytes((settings.OUTBOX_DIR / f"{stem}.eml").read_bytes(), policy=default)
    assert message["To"] == "finance@acme.example"
    assert (settings.OUTBOX_DIR / f"{stem}-bill.pdf").read_bytes() == b"%PDF-1.7 x"
    assert "<html" in (settings.OUTBOX_DIR / f"{stem}.html").read_text()


@pytest.mark.django_db(transaction=True)
@pytest.mark.connections
def test_it_leaves_alone_what_another_worker_has_claimed(acme, seller, post):
    tell(acme, seller)
    rival = connection.copy()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM tenants_notice FOR NO KEY UPDATE")
            with rival.cursor() as other:
                other.execute("SELECT id FROM tenants_notice FOR NO KEY UPDATE SKIP LOCKED")
                assert other.fetchall() == []
        assert notices.deliver(at=NOW) == 1
    finally:
        rival.close()
