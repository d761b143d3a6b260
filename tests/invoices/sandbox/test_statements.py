"""Bills: from ten o'clock of the next day, at an address that is good for half a minute."""

import gzip
import hashlib
import io
import zipfile
from datetime import UTC, datetime

import pytest
import requests

from tests.invoices.sandbox.merchant import (
    alipay,
    alipay_refund,
    paid,
    precreate,
    wechat,
    wechat_headers,
    wechat_refund,
)

READY = datetime(2026, 12, 2, 2, tzinfo=UTC)
BILL = "alipay.data.dataservice.bill.downloadurl.query"


@pytest.fixture
def day(sandbox):
    """A day with two payments and a refund at each provider, and the next morning at ten."""
    for provider in ("alipay", "wechat"):
        paid(sandbox, provider)
        paid(sandbox, provider, "MZ000002", 33_333)
    alipay_refund(sandbox, "R1", "28.00")
    wechat_refund(sandbox, "R1", 2_800)
    sandbox.advance(until=READY)
    return sandbox


def alipay_files(sandbox, kind="trade"):
    """Return the files of a bill by their real names."""
    told = alipay(sandbox, BILL, {"bill_type": kind, "bill_date": "2026-12-01"})
    archive = zipfile.ZipFile(io.BytesIO(requests.get(told["bill_download_url"], timeout=10).content))
    return {
        info.filename.encode("cp437").decode("gbk"): archive.read(info).decode("gbk") for info in archive.infolist()
    }


def details(sandbox):
    text = next(text for name, text in alipay_files(sandbox).items() if name.endswith("业务明细.csv"))
    header, *rows = [line for line in text.splitlines() if not line.startswith("#")]
    return [dict(zip(header.split(","), (c.strip() for c in row.split(",")), strict=True)) for row in rows]


def wechat_text(sandbox, kind="tradebill", more=""):
    told = wechat(sandbox, "GET", f"/v3/bill/{kind}?bill_date=2026-12-01{more}").json()
    target = told["download_url"].removeprefix(sandbox.base)
    content = requests.get(
        sandbox.base + target, headers=wechat_headers(sandbox, "GET", target, ""), timeout=10
    ).content
    content = gzip.decompress(content) if "GZIP" in more else content
    assert hashlib.sha1(content).hexdigest() == told["hash_value"]
    return content.decode("utf-8-sig")


def wechat_rows(text):
    header, *rows, _, sums = text.splitlines()
    return [dict(zip(header.split(","), row[1:].split(",`"), strict=True)) for row in rows], sums[1:].split(",`")


def test_the_bill_of_alipay_has_payments_and_refunds(day):
    rows = details(day)
    assert [(r["商户订单号"], r["业务类型"], r["商家实收（元）"], r["服务费（元）"]) for r in rows] == [
        ("MZ000001", "交易", "128.00", "-0.77"),
        ("MZ000002", "交易", "333.33", "-2.00"),
        ("MZ000001", "退款", "-28.00", "0.00"),
    ]
    assert rows[2]["退款批次号/请求号"] == "R1"


def test_the_bill_of_movements_of_alipay_shows_the_fees(day):
    text = next(iter(alipay_files(day, "signcustomer").values()))
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")][1:]
    assert [(row[6], row[7], row[8]) for row in rows] == [
        ("128.00", "0.00", "128.00"),
        ("0.00", "-0.77", "127.23"),
        ("333.33", "0.00", "460.56"),
        ("0.00", "-2.00", "458.56"),
        ("0.00", "-28.00", "430.56"),
    ]


@pytest.mark.parametrize("more", ["", "&bill_type=ALL&tar_type=GZIP"])
def test_the_bill_of_wechat_has_payments_and_refunds(day, more):
    rows, sums = wechat_rows(wechat_text(day, more=more))
    assert [(r["商户订单号"], r["交易状态"], r["订单金额"], r["申请退款金额"], r["手续费"]) for r in rows] == [
        ("MZ000001", "SUCCESS", "128.00", "0.00", "0.77000"),
        ("MZ000002", "SUCCESS", "333.33", "0.00", "2.00000"),
        ("MZ000001", "REFUND", "0.00", "28.00", "-0.17000"),
    ]
    assert sums[:3] == ["3", "461.33", "28.00"]


def test_the_bill_of_movements_of_wechat_is_the_same_money(day):
    rows, sums = wechat_rows(wechat_text(day, "fundflowbill", "&account_type=BASIC"))
    assert [(r["业务类型"], r["收支类型"], r["收支金额（元）"]) for r in rows] == [
        ("交易", "收入", "128.00"),
        ("扣除交易手续费", "支出", "0.77"),
        ("交易", "收入", "333.33"),
        ("扣除交易手续费", "支出", "2.00"),
        ("退款", "支出", "27.83"),
    ]
    assert sums == ["5", "2", "461.33", "3", "30.60"]


def test_an_address_is_good_for_half_a_minute(day):
    address = alipay(day, BILL, {"bill_type": "trade", "bill_date": "2026-12-01"})["bill_download_url"]
    day.advance(seconds=30)
    assert requests.get(address, timeout=10).ok
    day.advance(seconds=1)
    assert requests.get(address, timeout=10).status_code == 404


def test_a_bill_is_made_at_ten_of_the_next_day(sandbox):
    paid(sandbox, "alipay")
    paid(sandbox, "wechat")
    sandbox.gate.clock.move(READY.replace(hour=1, minute=59))
    assert alipay(sandbox, BILL, {"bill_type": "trade", "bill_date": "2026-12-01"})["sub_code"] == "BILL_NOT_EXIST"
    assert alipay(sandbox, BILL, {"bill_type": "trade", "bill_date": "2026-12-02"})["sub_code"] == "INVAILID_ARGUMENTS"
    told = wechat(sandbox, "GET", "/v3/bill/tradebill?bill_date=2026-12-01").json()
    assert told["code"] == "STATEMENT_CREATING"
    sandbox.gate.clock.move(READY)
    assert len(details(sandbox)) == 1


def test_a_day_without_payments_has_no_bill(sandbox):
    sandbox.gate.clock.move(READY)
    assert alipay(sandbox, BILL, {"bill_type": "trade", "bill_date": "2026-12-01"})["sub_code"] == "BILL_NOT_EXIST"
    told = wechat(sandbox, "GET", "/v3/bill/tradebill?bill_date=2026-12-01")
    assert (told.status_code, told.json()["code"]) == (400, "NO_STATEMENT_EXIST")


def test_days_end_at_midnight_in_beijing(sandbox):
    precreate(sandbox)
    sandbox.gate.clock.move(datetime(2026, 12, 1, 15, 59, 59, tzinfo=UTC))
    precreate(sandbox)
    sandbox.approve("alipay", "MZ000001")
    sandbox.gate.clock.move(datetime(2026, 12, 1, 16, tzinfo=UTC))
    paid(sandbox, "alipay", "MZ000002")
    sandbox.gate.clock.move(READY)
    assert [row["商户订单号"] for row in details(sandbox)] == ["MZ000001"]


@pytest.mark.parametrize(
    ("fault", "amounts"),
    [
        ("statement_missing", ["333.33", "-28.00"]),
        ("statement_amount", ["129.00", "333.33", "-28.00"]),
        ("statement_extra", ["128.00", "333.33", "-28.00", "88.00"]),
    ],
)
def test_a_bill_may_be_wrong(day, fault, amounts):
    day.fault(f"{fault}@alipay")
    assert [row["商家实收（元）"] for row in details(day)] == amounts
    assert len(details(day)) == 3
