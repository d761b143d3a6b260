"""Statements as banks write them: GBK and UTF-8 with a mark, lines above and sums below, two columns or one with a sign."""

import pytest
from django.utils import translation

from invoices import bank_sheets
from invoices.sheets import Unreadable
from tenants.errors import Invalid

ICBC = """中国工商银行 企业账户明细
账号：,5719000000000001
交易时间,交易流水号,借方发生额,贷方发生额,对方户名,对方账号,摘要,附言,
2026-11-20 10:22:33,A001,,"12,345.60",苏州沐禾家居有限公司,6222 0211 1234 5678,汇入,34679ABW,
20261121,A002,300.00,,房东,62220212,付款,房租,
合计,,300.00,"12,345.60",,,,,
"""
CMB = """交易日,交易时间,流水号,交易金额,借贷标志,收(付)方名称,收(付)方账号,备注
2026/11/20,10:22:33,B1,1234.5,贷,甲公司,'6222000011112222,货款
2026/11/20,10:22:34,B2,￥20.00,借,乙公司,6222000011113333,费用
"""


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def read(text, encoding="utf-8-sig", **more):
    told = {"currency": "CNY", "zone": "Asia/Shanghai"} | more
    return bank_sheets.read(text.encode(encoding), "bank.csv", **told)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_it_reads_two_columns_below_a_preamble(encoding):
    found = read(ICBC, encoding)
    assert found.mistakes == ()
    first, second = found.lines
    assert (first.line, first.reference, first.amount.minor, first.came_in) == (4, "A001", 1_234_560, True)
    assert first.at.isoformat() == "2026-11-20T10:22:33+08:00"
    assert (first.payer_name, first.account, first.remark) == (
        "苏州沐禾家居有限公司",
        "6222021112345678",
        "34679ABW 汇入",
    )
    assert (second.reference, second.amount.minor, second.came_in) == ("A002", 30_000, False)
    assert second.at.isoformat() == "2026-11-21T12:00:00+08:00"  # a day without an hour is noon


def test_it_reads_one_column_with_its_direction():
    first, second = read(CMB).lines
    assert (first.amount.minor, first.came_in, second.came_in) == (123_450, True, False)
    assert first.at.isoformat() == "2026-11-20T10:22:33+08:00"
    assert (first.account, second.amount.minor) == ("6222000011112222", 2_000)


def test_it_reads_an_hour_that_says_the_day_too():
    text = "交易日期,交易时间,流水号,收入\n2026-11-20,2026-11-20 08:05:01,C1,5.00\n"
    assert read(text).lines[0].at.isoformat() == "2026-11-20T08:05:01+08:00"


@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        ("2026-11-20,,5.00", "流水号", "reference"),
        ("yesterday,C1,5.00", "交易日期", "yesterday"),
        ("2026-11-20,C1,five", "收入", "five"),
        ("2026-11-20,C1,-5.00", "收入", "other column"),
        ("2026-11-20,C1,5.001", "收入", "5.001"),
        ("2026-11-20,C1,", "收入", "either"),
        ("2026-11-20,C1,0.00", "收入", "either"),
        ("2026-11-20,C1", "", "cells"),
        ("2026-02-30,C1,5.00", "交易日期", "2026-02-30"),
    ],
)
def test_it_lists_a_bad_row_by_line_and_column(row, column, why):
    found = read(f"交易日期,流水号,收入\n2026-11-19,C0,1.00\n{row}\n2026-11-21,C2,2.00\n")
    assert [line.reference for line in found.lines] == ["C0", "C2"]
    (mistake,) = found.mistakes
    assert (mistake.line, mistake.column) == (3, column)
    assert why in mistake.message


def test_it_lists_a_reference_that_comes_twice():
    found = read("日期x,流水号,收入\n2026-11-19,C0,1.00\n2026-11-20,C0,2.00\n", mapping="day: 日期x")
    assert [(one.line, one.column) for one in found.mistakes] == [(3, "流水号")]


def test_it_lists_a_row_of_another_currency():
    found = read("交易日期,流水号,收入,币种\n2026-11-19,C0,1.00,人民币\n2026-11-20,C1,2.00,美元\n")
    assert [(one.line, one.column) for one in found.mistakes] == [(3, "币种")]


def test_it_takes_columns_from_a_mapping():
    text = "凭证;入账;来了多少;说明;用途\nX9;2026-11-20;88.00;你好;货款\n"
    mapping = "reference: 凭证\nday: 入账\ncredit: 来了多少\nremark: [说明, 用途]\ndelimiter: ';'"
    (line,) = read(text, mapping=mapping).lines
    assert (line.reference, line.amount.minor, line.remark) == ("X9", 8_800, "你好 货款")


@pytest.mark.parametrize(
    ("text", "mapping", "why"),
    [
        ("a,b\n1,2\n", "", "bank's reference"),
        ("流水号,交易日期\nA,2026-01-01\n", "", "what came in"),
        ("流水号,交易日期,收入\nA,2026-01-01,1\n", "reference: 没有", "no column"),
        ("流水号,交易日期,收入\nA,2026-01-01,1\n", "colour: red", "colour"),
        ("流水号,交易日期,收入\nA,2026-01-01,1\n", "[", "YAML"),
        ("流水号,交易日期,收入\nA,2026-01-01,1\n", "- x", "names columns"),
    ],
)
def test_it_says_what_is_wrong_with_file_or_mapping(text, mapping, why):
    with pytest.raises(Invalid, match=why):
        read(text, mapping=mapping)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x81"])
def test_it_refuses_what_is_no_table(content):
    with pytest.raises(Unreadable):
        bank_sheets.read(content, "bank.csv", currency="CNY", zone="Asia/Shanghai")


def test_no_mistake_repeats_an_account_number():
    found = read("交易日期,流水号,收入,对方账号\nx,C0,1.00,6222021112345678\n2026-11-20,C1,y,6222021112345678\n")
    assert len(found.mistakes) == 2
    assert not any("62220211" in one.message for one in found.mistakes)
