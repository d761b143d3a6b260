"""Every table and every record opens, in both languages, with a bounded number of queries and nothing from outside."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenants import people
from tests import shop
from tests.admin.conftest import NOW

OURS = {"tenants", "usage", "billing", "invoices"}
ALL = sorted(admin.site._registry, key=lambda model: model._meta.label)
NOUNS = [model for model in ALL if model._meta.app_label in OURS]
LIST_QUERIES, PAGE_QUERIES = 25, 60
OUTSIDE = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//[^"']+""")


def address(model, act: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{act}", args=args)


def opened(desk, url: str, language: str, most: int) -> str:
    """Open a page and return its text; fail on an error, too many queries, or anything from outside."""
    with CaptureQueriesContext(connection) as queries:
        answer = desk.get(url, headers={"accept-language": language})
    text = answer.content.decode()
    assert answer.status_code == 200, url
    assert len(queries) <= most, f"{url}: {len(queries)} queries"
    assert OUTSIDE.findall(text) == [], url
    return text


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_it_opens_every_table(full, desk, language):
    for model in ALL:
        opened(desk, address(model, "changelist"), language, LIST_QUERIES)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_it_opens_every_record(full, desk, language):
    empty = []
    for model in ALL:
        row = model._default_manager.first()
        if row is None:
            empty.append(model._meta.label)
            continue
        opened(desk, address(model, "change", row.pk), language, PAGE_QUERIES)
    assert not [label for label in empty if label.split(".")[0] in OURS - {"usage"}]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_it_opens_the_first_page(world, desk, language):
    text = opened(desk, reverse("admin:index"), language, 60)
    assert "unreadable price" in text


def test_it_asks_no_more_of_the_database_when_tables_grow(world, desk):
    few = {model: asked(desk, model) for model in NOUNS}
    for number in range(4):
        more = shop.tenant(f"more{number}", group="partners", parent="acme" if number else None)
        people.invite(more, email=f"p{number}@more.example", role="owner", at=NOW, by=None)
        shop.subscribe(more, world.version, "2026-01-31", label=str(number))
    shop.bill("2026-03-01 04:00")
    many = {model: asked(desk, model) for model in NOUNS}
    # Every page looks up the log-in and the sidebar; a table of more rows may ask for a page of them, not for each.
    assert {m._meta.label: (few[m], many[m]) for m in NOUNS if many[m] > few[m] + 1} == {}


def asked(desk, model) -> int:
    """How many queries the model's table takes."""
    with CaptureQueriesContext(connection) as queries:
        assert desk.get(address(model, "changelist")).status_code == 200
    return len(queries)


@pytest.mark.parametrize("path", ["tenants/tenant", "billing/plan", "invoices/invoice", "invoices/payment"])
def test_it_exports_a_table(world, desk, path):
    page = f"/admin/{path}/export/"
    form = desk.get(page).context["form"]
    chosen = {name: "on" for name in form.fields if "_" in name and name != "export_items"}
    answer = desk.post(page, chosen | {"format": "0", "resource": "0"})
    assert answer["Content-Type"].startswith("text/csv")
    assert len(answer.content.splitlines()) >= 2


def test_it_exports_amounts_in_whole_units(world, desk):
    form = desk.get("/admin/invoices/invoice/export/").context["form"]
    chosen = {name: "on" for name in form.fields if "_" in name and name != "export_items"}
    text = desk.post("/admin/invoices/invoice/export/", chosen | {"format": "0", "resource": "0"}).content.decode()
    heads, *rows = [line.split(",") for line in text.splitlines()]
    (row,) = [row for row in rows if row[heads.index("number")] == world.bill.number]
    # 99.00 agreed for the base + 3 seats at 20.00
    assert (row[heads.index("total")], row[heads.index("paid")]) == ("159.00", "10.00")


def test_it_searches_every_table(full, desk):
    for model in NOUNS:
        if admin.site._registry[model].search_fields:
            opened(desk, address(model, "changelist") + "?q=acme", "zh-hans", LIST_QUERIES)


def test_it_filters_every_table_by_its_first_filter(world, desk):
    for path in ("invoices/invoice/?overdue=yes", "invoices/parked/?waiting=yes", "billing/charge/?taken=no"):
        opened(desk, f"/admin/{path}", "zh-hans", LIST_QUERIES)


def test_it_lists_every_noun_of_the_four_rooms():
    nouns = {model for app in OURS for model in apps.get_app_config(app).get_models()}
    assert nouns - set(NOUNS) == set()
