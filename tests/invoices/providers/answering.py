"""A server that answers what it is told to, signed as the providers sign, and our adapters at it."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from invoices.providers.alipay import Alipay
from invoices.providers.wechat import WeChat
from tests.invoices.providers.conftest import alipay_account, wechat_account

NOW = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)


@dataclass
class Told:
    """An answer to give, and what was asked."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.next = Told()
        self.asked: list[tuple[str, str, bytes]] = []

    def sign(self, private: str, text: str) -> str:
        key = serialization.load_pem_private_key(private.encode(), password=None)
        return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


class Answering(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.asked.append((self.command, self.path, body))
        told = self.server.next
        self.send_response(told.status)
        for name, text in ({"Content-Length": str(len(told.body))} | told.headers).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(told.body)

    def do_GET(self) -> None:
        self.headers.add_header("Content-Length", "0")
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    thread = Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture
def alipay(server, sandbox_keys) -> Alipay:
    told = {
        "app_id": "2021",
        "merchant": "2088",
        "plan": "INDUSTRY|X",
        "gateway": f"{server.url}/gateway.do",
        "secrets": {"private_key": sandbox_keys.alipay_private_ours, "public_key": sandbox_keys.alipay_public_theirs},
    }
    return Alipay(alipay_account(told), clock=lambda: NOW)


@pytest.fixture
def wechat(server, sandbox_keys) -> WeChat:
    secrets = {
        "private_key": sandbox_keys.wechat_private_ours,
        "serial": sandbox_keys.wechat_serial,
        "public_key": sandbox_keys.wechat_public_theirs,
        "public_key_id": sandbox_keys.wechat_key_id,
        "v3_key": sandbox_keys.wechat_v3,
        "v2_key": sandbox_keys.wechat_v2,
    }
    ids = {"app_id": "wx1", "merchant": "1900000109", "plan": "1", "gateway": server.url, "secrets": secrets}
    return WeChat(wechat_account(ids), clock=lambda: NOW)


@pytest.fixture
def says(server, sandbox_keys):
    """Let Alipay answer with an object, signed as it is written."""

    def say(method: str, said: dict | str, sign: str | None = None, name: str = "") -> None:
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        signed = server.sign(sandbox_keys.alipay_private_theirs, text) if sign is None else sign
        node = name or f"{method.replace('.', '_')}_response"
        server.next = Told(body=f'{{ "{node}" : {text} ,"sign":"{signed}"}}'.encode())

    return say


@pytest.fixture
def says3(server, sandbox_keys):
    """Let WeChat answer by APIv3."""

    def say(said: dict | str, status: int = 200, signed: bool = True, **other: str) -> None:
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        headers = {"Content-Type": "application/json"}
        if signed:
            told = f"1796081400\nn\n{text}\n"
            headers |= {
                "Wechatpay-Timestamp": "1796081400",
                "Wechatpay-Nonce": "n",
                "Wechatpay-Serial": sandbox_keys.wechat_key_id,
                "Wechatpay-Signature": server.sign(sandbox_keys.wechat_private_theirs, told),
                "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
            }
        server.next = Told(status, headers | other, text.encode())

    return say


@pytest.fixture
def says2(server, wechat):
    """Let WeChat answer by APIv2."""

    def say(**said: str) -> None:
        told = {"return_code": "SUCCESS", "result_code": "SUCCESS", "mch_id": "1900000109", **said}
        fields = {name: text for name, text in told.items() if text}
        fields.setdefault("sign", wechat.papay.signature(fields))
        body = "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields.items())
        server.next = Told(body=f"<xml>{body}</xml>".encode())

    return say
