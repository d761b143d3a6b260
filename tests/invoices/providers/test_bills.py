"""The bills of providers as they come: GBK in a zip, backquotes with sums; what is broken says where."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.providers import bills
from invoices.providers.notation import beijing, fen, narrow, shortened, yuan
from invoices.providers.port import NoAnswer

ALIPAY_HEADS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,"
    "商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
PAYMENT = (
    "2026120122001\t,MZ1\t,交易,轻云 基础版,2026-12-01 09:59:58,2026-12-01 10:00:00,,,,,张*(138****1234),12.30,12.30,"
    "0.00,0.00,0.00,0.00,0.00,,0.00,0.00,,-0.07,0.00,"
)
REFUND = (
    '2026120122001\t,MZ1\t,退款,"轻云, 基础版",2026-12-01 09:59:58,2026-12-01 11:00:00,,,,,张*(138****1234),-5.00,-5.00,'
    "0.00,0.00,0.00,0.00,0.00,,0.00,0.00,R1\t,0.03,0.00,"
)
FOOT = "#---业务明细列表结束---\n#导出时间：[2026年12月02日 10:05:00]"
WECHAT_HEADS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
    "代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,"
    "申请退款金额,费率备注"
)
PAID = (
    "`2026-12-01 10:00:00,`wx1,`1900000109,`0,`,`42000001,`MZ000001,`oUpF8,`NATIVE,`SUCCESS,`OTHERS,`CNY,`12.30,`0.00,"
    "`0,`0,`0.00,`0.00,`,`,`轻云, 基础版,`,`0.07000,`0.60%,`12.30,`0.00,`"
)
BACK = (
    "`2026-12-01 11:00:00,`wx1,`1900000109,`0,`,`42000001,`MZ000001,`oUpF8,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,"
    "`50000001,`R1,`5.00,`0.00,`ORIGINAL,`{state},`轻云,`,`-0.03000,`0.60%,`0.00,`5.00,`"
)
SUM_HEADS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
ONE_SUM = "`1,`12.30,`0.00,`0.00,`0.07000,`12.30,`0.00"
SUMS = "`2,`12.30,`5.00,`0.00,`0.04000,`12.30,`5.00"


class Entry(zipfile.ZipInfo):
    """A name as Alipay writes it: GBK, and not marked as anything."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def packed(*rows: str, foot: str = FOOT, name: str = "20881_20261201_业务明细.csv", heads: str = ALIPAY_HEADS) -> bytes:
    lines = ["#支付宝业务明细查询", "#账号：[20881]", "#----业务明细列表----", heads, *rows, foot]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for title, text in ((name, "\n".join(lines)), ("20881_20261201_业务明细(汇总).csv", "#支付宝业务汇总查询\n")):
            archive.writestr(Entry(title), text.encode("gb18030"))
    return file.getvalue()


def plain(*rows: str, heads: str = WECHAT_HEADS, sums: str = SUMS) -> bytes:
    return "\r\n".join(["\ufeff" + heads, *rows, SUM_HEADS, sums]).encode()


def test_it_reads_alipays_payments_and_refunds():
    one, two = bills.alipay(packed(PAYMENT, REFUND))
    assert (one.reference, one.provider_number, one.amount_minor, one.fee_minor) == ("MZ1", "2026120122001", 12_30, 7)
    assert (one.refund, one.at.isoformat()) == (False, "2026-12-01T10:00:00+08:00")
    assert (two.reference, two.payment_reference, two.amount_minor, two.fee_minor) == ("R1", "MZ1", 5_00, -3)
    assert two.refund


def test_it_reads_wechats_payments_and_refunds():
    one, two = bills.wechat(plain(PAID, BACK.format(state="SUCCESS")))
    assert (one.reference, one.provider_number, one.amount_minor, one.fee_minor) == ("MZ000001", "42000001", 12_30, 7)
    assert (one.refund, one.at.isoformat()) == (False, "2026-12-01T10:00:00+08:00")
    assert (two.reference, two.provider_number, two.amount_minor, two.fee_minor) == ("R1", "50000001", 5_00, -3)
    assert (two.refund, two.payment_reference) == (True, "MZ000001")


def test_it_leaves_out_what_wechat_did_not_pay_back():
    assert [one.refund for one in bills.wechat(plain(PAID, BACK.format(state="FAIL")))] == [False]


def test_it_reads_an_older_bill_of_wechat():
    heads = WECHAT_HEADS.rsplit(",", 3)[0]
    rows = [row.rsplit(",`", 3)[0] for row in (PAID, BACK.format(state="SUCCESS"))]
    old = (
        plain(*rows, heads=heads)
        .replace(",订单总金额,申请退款总金额".encode(), b"")
        .replace(b",`12.30,`5.00\r\n", b"\r\n")
    )
    assert [one.amount_minor for one in bills.wechat(old)] == [12_30, 5_00]


def test_a_day_may_have_no_rows():
    assert bills.alipay(packed()) == []
    assert bills.wechat(plain(sums="`0,`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00")) == []


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (packed(PAYMENT.replace("12.30,12.30", "12.3a,12.30")), 5, "订单金额（元）"),
        (packed(PAYMENT, REFUND.replace("0.03,0.00", "0.031,0.00")), 6, "服务费（元）"),
        (packed(PAYMENT.replace("2026-12-01 10:00:00", "2026-13-01")), 5, "完成时间"),
        (packed(PAYMENT.replace(",交易,", ",转账,")), 5, "业务类型"),
        (packed("a,b,c"), 5, ""),
        (packed(PAYMENT, heads=ALIPAY_HEADS.replace("服务费（元）", "费")), 4, "服务费（元）"),
        (packed(PAYMENT, foot=""), 0, ""),
        (packed(PAYMENT, name="x.txt"), 0, ""),
        (packed(heads="a,b"), 0, ""),
        (b"", 0, ""),
        (b"PK\x03\x04 nonsense", 0, ""),
        (packed(PAYMENT)[:-40], 0, ""),
    ],
)
def test_it_says_where_alipays_bill_is_broken(content, line, column):
    with pytest.raises(bills.BadBill) as bad:
        bills.alipay(content)
    assert (bad.value.line, bad.value.column) == (line, column)
    assert isinstance(bad.value, NoAnswer)


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (plain(PAID, sums=SUMS), 4, "总交易单数"),
        (plain(PAID, BACK.format(state="SUCCESS"), sums=SUMS.replace("`12.30,`5.00", "`12.31,`5.00")), 5, "订单总金额"),
        (plain(PAID, BACK.format(state="SUCCESS"), sums="`2,`0,`0,`0,`0,`12.30,`5.01"), 5, "申请退款总金额"),
        (plain(PAID.replace("`0.07000", "`0.07001"), sums=ONE_SUM), 2, "手续费"),
        (plain(PAID.replace("`SUCCESS", "`ODD"), sums=ONE_SUM), 2, "交易状态"),
        (plain(PAID.replace("2026-12-01 10:00:00", "gestern"), sums=ONE_SUM), 2, "交易时间"),
        (plain("`a,`b"), 2, ""),
        (plain(heads=WECHAT_HEADS.replace("交易状态", "状态")), 1, "交易状态"),
        (b"\xff\xfe", 1, ""),
        (b"", 0, ""),
        ("\r\n".join([WECHAT_HEADS, PAID]).encode(), 0, ""),
        ("\r\n".join([WECHAT_HEADS, PAID, SUM_HEADS]).encode(), 0, ""),
    ],
)
def test_it_says_where_wechats_bill_is_broken(content, line, column):
    with pytest.raises(bills.BadBill) as bad:
        bills.wechat(content)
    assert (bad.value.line, bad.value.column) == (line, column)


@given(st.binary(max_size=300))
def test_nonsense_is_a_bad_bill_and_nothing_else(content):
    for read in (bills.alipay, bills.wechat):
        with pytest.raises(bills.BadBill):
            read(content)


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_yuan_and_fen_are_each_others_opposite(amount_minor):
    assert fen(yuan(amount_minor)) == amount_minor


@pytest.mark.parametrize(
    ("text", "amount_minor"), [("12.3", 12_30), ("0.06000", 6), (" 7 ", 7_00), ("-0.05", -5), ("0", 0)]
)
def test_it_reads_yuan_exactly(text, amount_minor):
    assert fen(text) == amount_minor


@pytest.mark.parametrize("text", ["", "1.001", "1,000.00", "1e3", "NaN", "--1", "١٢", ".5", "1.", None, "0x1"])
def test_it_reads_nothing_else_as_yuan(text):
    with pytest.raises(ValueError, match="yuan"):
        fen(text)


def test_it_reads_the_time_of_beijing():
    assert beijing("20261201100000") == beijing("2026-12-01 10:00:00")
    assert beijing("2026-12-01 10:00:00").isoformat() == "2026-12-01T10:00:00+08:00"
    with pytest.raises(ValueError, match="does not match"):
        beijing("2026-12-01T10:00:00")


@pytest.mark.parametrize(
    ("payer", "shown"),
    [
        ("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "oUp***6o"),
        ("13812345678", "138***78"),
        ("zhangsan@example.com", "zha***@example.com"),
        ("159****5620", "159****5620"),
        ("ab", "a***"),
        ("", ""),
    ],
)
def test_it_shortens_a_payer(payer, shown):
    assert shortened(payer) == shown


def test_it_cuts_texts_for_apiv2_without_breaking_a_character():
    assert narrow("轻云😀基础版", 10) == "轻云基"
    assert narrow("a\nb\x00", 10) == "ab"
