"""Import of customers: mapping, files, checks before anything is written, and the same file twice."""

import io

import openpyxl
import pytest
from django.utils import translation

from billing.models import NegotiatedPrice, Subscription, SubscriptionItem
from invoices import importing
from invoices.models import CustomerImport
from tenants.errors import Invalid, Mistakes
from tenants.models import Authorisation, Contact, Tenant
from tests import shop

pytestmark = pytest.mark.django_db
NOW = shop.at("2026-01-05 09:00")
MAP = """
seller: qingyu
customer:
  code: {column: 代码}
  name: {column: 名称}
  tax_number: {column: 税号}
  tags: [{column: 行业}]
  contacts: [{name: {column: 联系人}, email: {column: 邮箱}}]
subscription:
  plan: {column: 套餐, by_value: {标准版: standard}}
  start: {column: 开始}
  quantities: {seat: {column: 席位}}
  modules: {analytics: {column: 分析}}
  prices: {base: {model: flat, amount: {column: 月费}}}
"""
HEAD = "代码,名称,税号,行业,联系人,邮箱,套餐,开始,席位,分析,月费"
ACME = 'acme,苏州艾米家居有限公司,91310000MA1K3TLC07,零售,林晓,lin@acme.example,标准版,2026/1/10,3,是,"1,500.00"'
BETA = "beta,贝塔贸易有限公司,,,,,标准版,2026年1月10日,,否,"
PRICES = [
    {"code": "base", "kind": "base", "model": "flat", "amount": "199.00"},
    {"code": "seat", "kind": "seat", "model": "per_unit", "unit_amount": "20.00"},
    {"code": "analytics", "kind": "module", "optional": True, "model": "flat", "amount": "300.00"},
]


@pytest.fixture(autouse=True)
def standard():
    return shop.plan(shop.seller(), PRICES)


def read(*rows: str, mapping: str = MAP, encoding: str = "utf-8", head: str = HEAD) -> importing.Report:
    with translation.override("en"):
        return importing.read("\r\n".join([head, *rows, ""]).encode(encoding), "customers.csv", mapping)


def mistakes(report: importing.Report) -> list[tuple[int, str, str]]:
    return [(m.line, m.column, m.path) for m in report.mistakes]


def run(report: importing.Report, **more: bool) -> CustomerImport:
    return importing.run(report, at=NOW, by=None, **more)


def test_it_imports_customers_with_what_they_bought():
    record = run(read(ACME, BETA))
    assert (record.status, record.rows, record.imported, record.errors) == ("imported", 2, 2, [])
    acme = Subscription.objects.get(tenant__code="acme")
    items = dict(SubscriptionItem.objects.filter(subscription=acme).values_list("price__code", "quantity"))
    assert items == {"base": 1, "seat": 3, "analytics": 1}
    assert NegotiatedPrice.objects.get().params == {"amount": "1500.00"}
    assert (str(acme.start_on), acme.auto_renew, acme.status) == ("2026-01-10", False, "pending")
    assert Contact.objects.get().email == "lin@acme.example"
    assert [tag.name for tag in acme.tenant.tags.all()] == ["零售"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_it_reads_what_excel_saves(encoding):
    report = read(ACME, encoding=encoding)
    assert [entry.company.name for entry in report.entries] == ["苏州艾米家居有限公司"]


def test_it_reads_xlsx():
    book = openpyxl.Workbook()
    book.active.append(HEAD.split(","))
    book.active.append(
        ["acme", "艾米", None, None, None, None, "标准版", NOW.replace(tzinfo=None, hour=0), 3, True, 1500.5]
    )
    file = io.BytesIO()
    book.save(file)
    report = importing.read(file.getvalue(), "customers.xlsx", MAP)
    assert not report.mistakes
    run(report)
    assert NegotiatedPrice.objects.get().params == {"amount": "1500.5"}


def test_it_names_every_bad_cell_by_line_and_column():
    wrong_digit = ACME.replace("TLC07", "TLC08").replace(",3,是", ",many,maybe")
    report = read(BETA, wrong_digit, "gamma,伽马,,,,,旗舰版,soon,-1,否,", "delta,太多,格,,,,,,,,,,")
    assert mistakes(report) == [
        (3, "席位", "subscription.quantities.seat"),
        (3, "分析", "subscription.modules.analytics"),
        (3, "税号", "customer.tax_number"),
        (4, "套餐", "subscription.plan"),
        (4, "开始", "subscription.start"),
        (5, "", ""),
    ]


def test_it_imports_nothing_when_a_row_is_bad():
    report = read(ACME, "gamma,伽马,,,,,标准版,2026-01-10,-1,否,")
    assert mistakes(report) == [(3, "席位", "subscription.quantities.seat")]
    record = run(report)
    assert (record.status, record.imported) == ("refused", 0)
    assert record.errors[0]["message"] == "The quantity must not be below zero."
    assert not Tenant.objects.exists()


def test_it_leaves_bad_rows_out_when_told_to():
    report = read(ACME, "gamma,伽马,,,,,标准版,2026-01-10,-1,否,")
    assert run(report, skip_bad=True).imported == 1
    assert Tenant.objects.get().code == "acme"
    with translation.override("en"):
        head, row = importing.bad_rows(report).splitlines()
    assert head == f"{HEAD},line,reason"
    assert row == "gamma,伽马,,,,,标准版,2026-01-10,-1,否,,3,席位: The quantity must not be below zero."


def test_it_imports_nothing_twice():
    run(read(ACME))
    again = read(ACME, BETA)
    assert again.existing == [(2, "acme")]
    assert run(again).imported == 1
    assert Subscription.objects.count() == 2


def test_it_passes_over_a_customer_that_came_meanwhile():
    report = read(ACME, BETA)
    shop.tenant("acme")
    assert run(report).imported == 1


def test_it_takes_all_back_when_something_changed_meanwhile(standard):
    report = read(ACME, BETA)
    type(standard).objects.filter(pk=standard.pk).update(status="retired")
    record = run(report)
    assert (record.status, [error["column"] for error in record.errors]) == ("refused", ["套餐", "套餐"])
    assert not Tenant.objects.exists()


def test_a_code_may_stand_once():
    report = read(ACME, ACME)
    assert mistakes(report) == [(2, "代码", "customer.code"), (3, "代码", "customer.code")]


def test_a_parent_may_stand_below_its_child():
    mapping = MAP.replace("  name: {column: 名称}", "  name: {column: 名称}\n  parent: {column: 行业}")
    report = read(
        BETA.replace("beta,贝塔贸易有限公司,,", "child,子公司,,acme"), ACME.replace("零售", ""), mapping=mapping
    )
    assert not report.mistakes
    run(report)
    assert Tenant.objects.get(code="child").parent.code == "acme"


def test_a_child_goes_with_its_bad_parent():
    mapping = MAP.replace("  name: {column: 名称}", "  name: {column: 名称}\n  parent: {column: 行业}")
    bad = ACME.replace("零售", "").replace(",3,是", ",-3,是")
    report = read(BETA.replace("beta,贝塔贸易有限公司,,", "child,子公司,,acme"), bad, mapping=mapping)
    assert mistakes(report) == [(3, "席位", "subscription.quantities.seat"), (2, "行业", "customer.parent")]


def test_it_renews_by_the_customers_own_consent_only():
    renewal = '  renewal: {consent: {column: 行业, by_value: {零售: 同意到期自动续费, "": ""}}, version: "2026-1"}\n'
    run(read(ACME, BETA, mapping=MAP + renewal))
    acme, beta = Subscription.objects.order_by("tenant__code")
    assert (acme.auto_renew, beta.auto_renew) == (True, False)
    given = Authorisation.objects.get()
    assert (given.text, given.text_version, given.scope) == ("同意到期自动续费", "2026-1", "renews")


def test_it_refuses_to_presume_consent():
    with pytest.raises(Mistakes) as refusal, translation.override("en"):
        importing.read(b"", "x.csv", MAP + '  renewal: {consent: agreed, version: "1"}\n')
    assert [m.field for m in refusal.value.mistakes] == ["subscription.renewal.consent"]


def test_it_refuses_unknown_keys_with_their_path():
    mapping = MAP.replace("tax_number:", "taxnumber:").replace("model: flat, amount: {column", "amount: {colum")
    with pytest.raises(Mistakes) as refusal:
        read(ACME, mapping=mapping)
    assert [m.field for m in refusal.value.mistakes] == [
        "customer.taxnumber",
        "subscription.prices.base.amount.colum",
        "subscription.prices.base.amount",
    ]


def test_it_refuses_a_mapping_of_columns_that_are_not_there():
    with pytest.raises(Mistakes) as refusal:
        read(ACME, head=HEAD.replace("税号", "税务号"))
    assert [m.field for m in refusal.value.mistakes] == ["customer.tax_number"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (HEAD.encode(), "no rows"),
        (b"\xff\xff\xff,\xff\n1,2", "GB18030"),
        (f'{HEAD}\nacme,"open\n'.encode(), "Line 2"),
        ("代码,代码\n1,2".encode(), "twice"),
        ("代码,\n1,2".encode(), "Column 2"),
    ],
)
def test_it_says_why_a_file_is_no_table(content, said):
    with translation.override("en"), pytest.raises(Invalid, match=said):
        importing.read(content, "customers.csv", MAP)


def test_an_empty_cell_of_a_negotiated_price_leaves_the_plans_own():
    run(read(BETA))
    assert not NegotiatedPrice.objects.exists()
    shop.bill("2026-01-10 00:00")
    assert [bill.total_minor for bill in shop.bills(Tenant.objects.get())] == [199_00]


def test_a_text_is_made_of_the_row_and_its_columns():
    mapping = MAP.replace("code: {column: 代码}", 'code: {text: "{代码}-{row:4}"}')
    report = read(ACME, BETA, mapping=mapping)
    assert [entry.company.code for entry in report.entries] == ["acme-0001", "beta-0002"]


def test_customers_come_without_subscriptions_too():
    mapping = MAP[: MAP.index("subscription:")]
    assert run(read(ACME, mapping=mapping)).imported == 1
    assert not Subscription.objects.exists()
