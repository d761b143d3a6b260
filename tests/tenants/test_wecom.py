"""WeCom beside mail: what it took is delivered; its key is a secret, its limits are kept, its refusals are no silence."""

import json
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from django.db import transaction

from tenants import cipher, notices, preferences, wecom
from tenants.errors import Invalid
from tenants.letters import Letter
from tenants.models import Delivery, Notice, WeComBot
from tests.tenants.conftest import NOW

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa".replace("x", "0").replace("s", "0").replace("i", "1")
ADDRESS = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"
BALANCE = {"tenant": "acme", "path": "/c/acme/wallet/", "currency": "CNY", "balance_minor": 100, "alert_minor": 500}
BALANCE |= {"missing_minor": 0, "announced_minor": 0, "until": ""}


class Group(BaseHTTPRequestHandler):
    """WeCom as far as a group robot goes."""

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heard.append((self.path, said))
        body = self.server.answer
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@contextmanager
def sandbox(settings, *, status=200, **answer):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Group)
    server.heard, server.status = [], status
    server.answer = json.dumps(answer or {"errcode": 0, "errmsg": "ok"}).encode()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.WECOM_API = f"http://127.0.0.1:{server.server_port}"
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def told(tenant, seller, key="b", kind="balance_low", payload=BALANCE):
    with transaction.atomic():
        return notices.announce(tenant, kind=kind, key=key, payload=payload, at=NOW, seller=seller)


@pytest.fixture
def outside(monkeypatch):
    """The test's own transaction is none."""
    monkeypatch.setattr("tenants.wecom.connection", SimpleNamespace(in_atomic_block=False))


@pytest.fixture
def group(acme):
    return preferences.use_group(acme, ADDRESS, at=NOW, by=None)


@pytest.mark.django_db
def test_the_key_is_encrypted_and_bound_to_its_company(group, acme, other):
    assert KEY not in group.secret
    assert cipher.unseal(group.secret, of=f"wecom:{acme.pk}") == {"key": KEY}
    with pytest.raises(cipher.Unreadable):
        cipher.unseal(group.secret, of=f"wecom:{other.pk}")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "",
        KEY,
        ADDRESS.replace("https", "http"),
        ADDRESS.replace("qyapi.weixin.qq.com", "qyapi.weixin.qq.com.evil.example"),
        ADDRESS.replace("https://", "https://user@"),
        ADDRESS.replace("qyapi.weixin.qq.com", "127.0.0.1:5432"),
        ADDRESS.replace("/send", "/upload_media"),
        ADDRESS + "&key=" + KEY,
        ADDRESS[:-1],
    ],
)
def test_only_wecoms_own_address_is_taken(acme, address):
    with pytest.raises(Invalid):
        preferences.use_group(acme, address, at=NOW, by=None)
    assert not WeComBot.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_wecom_took_is_delivered(group, acme, seller, settings):
    acme.contacts.update(receives_bills=False)
    with sandbox(settings) as server:
        notice = told(acme, seller)
        assert notices.deliver(at=NOW) == 1
    ((path, said),) = server.heard
    assert path == f"/cgi-bin/webhook/send?key={KEY}"
    assert said["msgtype"] == "markdown"
    assert "¥1.00" in said["markdown"]["content"]
    notice.refresh_from_db()
    assert (notice.status, notice.delivered_at) == ("delivered", NOW)
    assert Delivery.objects.get(channel="wecom").address == group.fingerprint[:16]


@pytest.mark.django_db
@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("how", [{"errcode": 45009}, {"errcode": -1}, {"status": 500}, {"errmsg": "no code"}])
def test_what_it_refused_is_tried_again(group, acme, seller, settings, how):
    with sandbox(settings, **how):
        notice = told(acme, seller)
        notices.deliver(at=NOW)
    notice.refresh_from_db()
    assert (notice.status, notice.delivered_at) == ("pending", NOW)  # the mail was taken
    with sandbox(settings):
        assert notices.deliver(at=NOW + timedelta(minutes=1)) == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("outside")
def test_a_robot_that_is_gone_is_not_asked_again(group, acme, seller, settings, caplog):
    with sandbox(settings, errcode=93000, errmsg="invalid webhook url") as server:
        told(acme, seller)
        notices.deliver(at=NOW)
        assert notices.deliver(at=NOW + timedelta(minutes=1)) == 1
        told(acme, seller, key="c")
        assert notices.deliver(at=NOW + timedelta(minutes=2)) == 1
    assert len(server.heard) == 1
    assert WeComBot.objects.get().broken_at == NOW
    assert KEY not in "".join(Delivery.objects.values_list("answer", flat=True)) + caplog.text


@pytest.mark.django_db
@pytest.mark.usefixtures("outside")
def test_it_says_no_more_than_twenty_a_minute(group, acme, seller, settings):
    with sandbox(settings) as server:
        for number in range(23):
            told(acme, seller, key=f"b{number}")
        assert notices.deliver(at=NOW) == 20
        assert len(server.heard) == 20
        assert notices.deliver(at=NOW + timedelta(seconds=59)) == 0
        assert notices.deliver(at=NOW + timedelta(minutes=1)) == 3
    assert set(Notice.objects.values_list("status", flat=True)) == {"delivered"}


@pytest.mark.django_db
@pytest.mark.usefixtures("outside")
def test_no_answer_is_no_delivery_and_gives_nothing_away(group, acme, seller, settings):
    settings.WECOM_API = "http://127.0.0.1:1"
    told(acme, seller)
    notices.deliver(at=NOW)
    answer = Delivery.objects.get(channel="wecom").answer
    assert "ConnectionError" in answer
    assert KEY not in answer


@pytest.mark.django_db
def test_it_is_never_called_inside_a_transaction(group):
    with pytest.raises(wecom.InsideTransaction):
        wecom.send(group, "x")


@pytest.mark.parametrize("text", ["短" * 5000, "行\n" * 3000, "😀" * 2000, ""])
def test_a_message_fits_and_keeps_its_link(text):
    said = wecom.message(Letter("标题", text, ""), "https://site.example/c/acme/")
    assert len(said.encode()) <= 4096
    assert said.endswith("(https://site.example/c/acme/)")


def test_a_customers_words_make_no_link():
    said = wecom.message(Letter("[x](https://evil.example)", "<b>**x**", ""), "https://site.example/")
    assert "](https://evil" not in said
    assert "<" not in said
