"""Calls of both adapters when nothing good comes back, and what the customer is told."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import translation

from invoices.providers import reasons, wire
from invoices.providers.port import Failure, NoAnswer
from tests.invoices.providers.answering import Told, alipay, server, wechat
from tests.invoices.providers.conftest import debit

__all__ = ["alipay", "server", "wechat"]


@pytest.mark.parametrize("status", [301, 302, 400, 403, 404, 500, 502, 503])
def test_it_takes_an_http_error_for_no_answer(alipay, wechat, server, status, order):
    server.next = Told(status=status, headers={"Location": f"{server.url}/elsewhere"}, body=b"<html>")
    for call in (
        lambda: alipay.begin(order),
        lambda: alipay.ask("MZ1"),
        lambda: wechat.begin(order),
        lambda: wechat.ask("MZ000001"),
        lambda: wechat.ask("MZ000001", debit=True),
        lambda: wechat.debit(debit("C1")),
    ):
        with pytest.raises(NoAnswer):
            call()
    assert [path for _method, path, _body in server.asked if "elsewhere" in path] == []


def test_it_waits_fifteen_seconds_and_not_longer():
    assert wire.TIMEOUT == (5, 15)


def test_it_gives_up_on_who_does_not_answer(alipay, wechat, order, monkeypatch):
    monkeypatch.setattr(wire, "TIMEOUT", (0.2, 0.2))
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:  # listens, and nobody accepts
        address = f"http://127.0.0.1:{silent.server_address[1]}"
        alipay.client._gateway, wechat.sdk._core._gate_way = address, address
        for gateway in (alipay, wechat):
            with pytest.raises(NoAnswer):
                gateway.begin(order)
    for gateway in (alipay, wechat):  # and now nobody is there at all
        with pytest.raises(NoAnswer):
            gateway.begin(order)


def test_it_reads_no_endless_answer(alipay, server, monkeypatch):
    monkeypatch.setattr(wire, "MOST_OF_ANSWER", 1000)
    server.next = Told(body=b"x" * 2000)
    with pytest.raises(NoAnswer, match="too long"):
        wire.call("GET", server.url, headers={}, most=1000)
    server.next = Told(body=b"x" * 10, headers={"Content-Length": "20"})
    with pytest.raises(NoAnswer):
        wire.call("GET", server.url, headers={})


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_failure_has_a_sentence_that_says_what_to_do(language):
    with translation.override(language):
        said = {failure: reasons.sentence(failure) for failure in Failure}
        assert reasons.sentence("never heard of") == said[Failure.OTHER]
    assert len(set(said.values())) == len(Failure)
    ends = ". " if language == "en" else "。"
    assert all(text.rstrip(ends).count(ends.strip()) >= 1 or "，" in text for text in said.values())
    assert all(("一" <= text[0] <= "鿿") == (language == "zh-hans") for text in said.values())
