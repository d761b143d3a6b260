"""The command, the keys, the clock and what is kept between runs."""

import json
import os
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import requests
from django.core.management import CommandError, call_command

from invoices.models import ProviderAccount
from invoices.providers.sandbox import keys
from invoices.providers.sandbox.clock import RunningClock
from invoices.providers.sandbox.gate import fen, yuan
from invoices.providers.sandbox.serving import NotLoopback, Server
from invoices.providers.sandbox.store import Store
from tests.architecture.source import ROOT
from tests.invoices.sandbox.merchant import debit, native, paid, pre_notice, sign_papay, wechat_refund

AT = datetime(2026, 12, 1, tzinfo=UTC)


def test_keys_are_made_once_and_only_the_owner_reads_them(tmp_path):
    made = keys.of_merchant(tmp_path / "sandbox", "qingyu")
    assert keys.of_merchant(tmp_path / "sandbox", "qingyu") == made
    assert keys.of_merchant(tmp_path / "sandbox", "other").port == made.port + 1
    path = tmp_path / "sandbox" / "qingyu" / "keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_listens_on_this_machine_only(sandbox):
    for address in ("0.0.0.0", "192.0.2.1", "", "localhost"):
        with pytest.raises(NotLoopback):
            Server(sandbox.gate, 0, address)
    assert sandbox.server.server_address[0] == "127.0.0.1"


def test_it_remembers_everything_between_two_runs(tmp_path, sandbox):
    sandbox.gate.store = Store(tmp_path / "records.sqlite")
    paid(sandbox, "wechat")
    native(sandbox, "MZ000002")
    contract = sign_papay(sandbox)
    debit(sandbox, contract, "MZD00001")
    pre_notice(sandbox, contract)
    wechat_refund(sandbox, "R1", 100)
    held, again = sandbox.gate.store, Store(tmp_path / "records.sqlite")
    for shelf in ("orders", "refunds", "contracts", "notices", "calls"):
        assert getattr(again, shelf) == getattr(held, shelf) != {}


def test_a_running_clock_compresses_waits_and_may_be_on_another_day():
    clock = RunningClock(lambda: AT, 3600)
    assert clock.after(3600) == AT + timedelta(seconds=1)
    clock.move(AT + timedelta(days=3))
    assert (clock.now(), clock.stamp()) == (AT + timedelta(days=3), AT)
    assert clock.fresh(AT - timedelta(minutes=5))
    assert not clock.fresh(AT - timedelta(minutes=5, seconds=1))
    with pytest.raises(ValueError, match="speed"):
        RunningClock(lambda: AT, 0)


@pytest.mark.parametrize("text", ["0", "0.00", "-1", "1.234", "1e3", "01.00", "100000000.01", " 1", "１", "1１"])
def test_it_refuses_what_is_no_amount(text):
    with pytest.raises(ValueError, match=re.escape(text)):
        fen(text)


@pytest.mark.parametrize(("text", "minor"), [("0.01", 1), ("128", 12_800), ("0.5", 50), ("99999999.99", 9_999_999_999)])
def test_it_reads_yuan(text, minor):
    assert fen(text) == minor


def test_it_writes_yuan():
    assert [yuan(minor) for minor in (5, -5, -12_800, 0)] == ["0.05", "-0.05", "-128.00", "0.00"]


def test_the_command_prints_what_accounts_need(tmp_path):
    out = StringIO()
    call_command("payment_sandbox", folder=tmp_path, print_account=True, stdout=out)
    told = json.loads(out.getvalue())["merchant"]
    assert told["alipay"]["gateway"] == "http://127.0.0.1:8400/gateway.do"
    assert told["wechat"]["secrets"]["v3_key"] == keys.of_merchant(tmp_path, "merchant").wechat_v3


def test_the_command_refuses_other_addresses_and_unknown_faults(tmp_path):
    with pytest.raises(CommandError, match=r"127\.0\.0\.1 only"):
        call_command("payment_sandbox", folder=tmp_path, address="0.0.0.0")
    with pytest.raises(CommandError, match="nonsense"):
        call_command("payment_sandbox", folder=tmp_path, fault=["nonsense"])


@pytest.mark.django_db
def test_a_seller_uses_the_sandbox_by_one_command(qingyu, tmp_path, settings):
    with pytest.raises(CommandError, match=re.escape("PAYMENT_GATEWAYS=http://127.0.0.1:8400/gateway.do")):
        call_command("use_payment_sandbox", qingyu.code, folder=tmp_path)
    settings.PAYMENT_GATEWAYS = ["http://127.0.0.1:8400/gateway.do", "http://127.0.0.1:8400"]
    for _ in range(2):
        call_command("use_payment_sandbox", qingyu.code, folder=tmp_path, stdout=StringIO())
    made = keys.of_merchant(tmp_path, qingyu.code)
    found = ProviderAccount.objects.order_by("provider").values_list("provider", "merchant")
    assert list(found) == [("alipay", made.alipay_seller), ("wechat", made.wechat_merchant)]
    with pytest.raises(CommandError, match="nobody"):
        call_command("use_payment_sandbox", "nobody", folder=tmp_path)


def test_the_command_serves_until_it_is_interrupted(tmp_path):
    keys.of_merchant(tmp_path, "one")
    path = tmp_path / "one" / "keys.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"port": 0}))
    command = [sys.executable, "manage.py", "payment_sandbox", "--folder", str(tmp_path), "--speed", "3600"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        name, base = running.stdout.readline().split(": ")
        assert name == "one"
        assert requests.get(base.strip(), timeout=10).ok
    finally:
        running.terminate()
        running.wait(timeout=20)
