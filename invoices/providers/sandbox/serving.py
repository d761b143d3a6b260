"""HTTP on loopback: the gateways, the page, and the switches. It refuses to listen anywhere else."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from invoices.providers.sandbox import alipay, alipay_bills, billing, page, papay, settling, switches, wechat
from invoices.providers.sandbox.gate import Answer, Request, Sandbox, on_loopback

MOST = 1 << 20
ADDRESS = "127.0.0.1"


class NotLoopback(ValueError):
    """The sandbox was told to listen where others could reach it."""


def respond(sandbox: Sandbox, request: Request) -> Answer | None:
    """Return what is answered; None: nothing, the connection is dropped."""
    if not on_loopback(f"//{request.headers.get('host', '')}"):
        return Answer(403, b"this machine only")
    if not of_gateway(request.path):
        return _with_lock(sandbox, request)
    provider = "alipay" if request.path == "/gateway.do" else "wechat"
    about = (alipay.operation(request) or request.path, request.path, provider)
    if sandbox.faults.take("timeout", *about):
        return None
    if sandbox.faults.take("error", *about):
        return Answer(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html")
    answer = _with_lock(sandbox, request)
    return None if sandbox.faults.take("answer_lost", *about) else answer


def of_gateway(path: str) -> bool:
    return path.startswith(("/gateway.do", "/v3/", "/pay/", "/papay/"))


def _with_lock(sandbox: Sandbox, request: Request) -> Answer:
    with sandbox.lock:
        settling.settle(sandbox)
        return _routed(sandbox, request)


def _routed(sandbox: Sandbox, request: Request) -> Answer:
    path = request.path
    if path == "/gateway.do":
        return alipay.answer(sandbox, request)
    if path.startswith("/v3/"):
        return wechat.answer(sandbox, request)
    if path.startswith(("/pay/", "/papay/")):
        return papay.answer(sandbox, request)
    if path.startswith(alipay_bills.PATH):
        content = billing.taken(sandbox, path.removeprefix(alipay_bills.PATH))
        return Answer(404) if content is None else Answer(200, content, "application/zip")
    if path.startswith("/sandbox/"):
        return switches.answer(sandbox, request)
    return page.answer(sandbox, request)


class Handler(BaseHTTPRequestHandler):
    """One request: read whole, answered whole."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        self._do()

    def do_POST(self) -> None:
        self._do()

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST:
            self.send_error(413)
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, query, headers, self.rfile.read(length))
        answer = respond(self.server.sandbox, request)
        if answer is None:
            self.close_connection = True
            return
        self._write(answer)

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body if answer.status != 204 else b"")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: addresses carry signatures and payers."""


class Server(ThreadingHTTPServer):
    """The sandbox on a port of this machine; port 0 is any that is free."""

    daemon_threads = True

    def __init__(self, sandbox: Sandbox, port: int = 0, address: str = ADDRESS) -> None:
        if address != ADDRESS:
            raise NotLoopback(f"The sandbox listens on {ADDRESS} only, not on {address}.")
        super().__init__((address, port), Handler)
        self.sandbox = sandbox
        sandbox.base = f"http://{ADDRESS}:{self.server_address[1]}"

    def begin(self) -> Thread:
        """Serve in a thread of its own."""
        thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        return thread
