"""What is written is what PAGES promises, to the character."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from billing import formatting


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (278300, "CNY", "¥2,783.00"),
        (-3600, "CNY", "\u2212¥36.00"),
        (0, "CNY", "¥0.00"),
        (5, "CNY", "¥0.05"),
        (123456789012, "CNY", "¥1,234,567,890.12"),
        (12000, "USD", "USD\u00a0120.00"),
        (-12000, "USD", "\u2212USD\u00a0120.00"),
        (120, "JPY", "JPY\u00a0120"),
    ],
)
def test_it_writes_money(minor, currency, written):
    assert formatting.money(minor, currency) == written


@pytest.mark.parametrize(("minor", "written"), [(3100, "+¥31.00"), (-3100, "\u2212¥31.00"), (0, "¥0.00")])
def test_it_shows_the_plus_of_a_change(minor, written):
    assert formatting.signed_money(minor, "CNY") == written


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0.05", "¥0.05"),
        ("0.0012500000", "¥0.00125"),
        ("58", "¥58.00"),
        ("5.8", "¥5.80"),
        ("1E+3", "¥1,000.00"),
        ("0E-10", "¥0.00"),
    ],
)
def test_it_keeps_the_decimals_of_a_unit_price(amount, written):
    assert formatting.unit_price(Decimal(amount), "CNY") == written


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        ("2480", "条", "2,480\u00a0条"),
        ("2480.0000000000", "条", "2,480\u00a0条"),
        ("0.5", "GB", "0.5\u00a0GB"),
        ("1E+4", "", "10,000"),
        ("-3", "个", "\u22123\u00a0个"),
        ("90", "message", "90\u00a0messages"),
        ("1", "message", "1\u00a0message"),
        ("0", "seats", "0\u00a0seats"),
        ("3", "kg", "3\u00a0kg"),
    ],
)
def test_it_writes_an_exact_quantity_with_its_unit(value, unit, written):
    assert formatting.quantity(Decimal(value), unit) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [("0.06", "6%"), ("0.2", "20%"), ("0.006", "0.6%"), ("0", "0%")],
)
def test_it_writes_percent_whole_where_it_is_whole(share, written):
    assert formatting.percent(Decimal(share)) == written


@pytest.mark.parametrize(
    ("style", "chinese", "english"),
    [
        ("table", "2026-12-01", "1 Dec 2026"),
        ("long", "2026年12月1日", "1 Dec 2026"),
        ("weekday", "2026年12月1日（周二）", "Tue 1 Dec 2026"),
        ("sentence", "12月1日（周二）", "Tue 1 Dec"),
    ],
)
def test_it_writes_a_day_in_both_languages(style, chinese, english):
    assert formatting.day(date(2026, 12, 1), "zh-Hans", style) == chinese
    assert formatting.day(date(2026, 12, 1), "en", style) == english


@pytest.mark.parametrize(
    ("first", "last", "chinese", "english"),
    [
        (
            (2026, 11, 1),
            (2026, 11, 30),
            "2026-11-01 至 11-30（30\u00a0天）",
            "1 Nov \u2013 30 Nov 2026 (30\u00a0days)",
        ),
        (
            (2026, 12, 15),
            (2027, 1, 14),
            "2026-12-15 至 2027-01-14（31\u00a0天）",
            "15 Dec 2026 \u2013 14 Jan 2027 (31\u00a0days)",
        ),
        (
            (2026, 2, 28),
            (2026, 2, 28),
            "2026-02-28（1\u00a0天）",
            "28 Feb 2026 (1\u00a0day)",
        ),
    ],
)
def test_it_writes_a_period_with_its_last_day_included(first, last, chinese, english):
    assert formatting.period_days(date(*first), date(*last), "zh-hans") == chinese
    assert formatting.period_days(date(*first), date(*last), "en") == english


def render(source: str, **context: object) -> str:
    return Template("{% load amounts %}" + source).render(Context(context))


def test_its_filters_follow_the_active_language():
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    with translation.override("en"):
        assert (
            render("{{ a|day }}, {{ a|period_days:b }}", a=first, b=last)
            == "1 Nov 2026, 1 Nov \u2013 30 Nov 2026 (30\u00a0days)"
        )
    with translation.override("zh-hans"):
        assert render('{{ a|day:"sentence" }}', a=first) == "11月1日（周日）"


def test_its_filters_take_minor_units_with_a_currency():
    assert (
        render(
            "{{ a|money:c }} {{ a|signed_money:c }} {{ p|unit_price:c }}",
            a=12400,
            c="CNY",
            p=Decimal("0.05"),
        )
        == "¥124.00 +¥124.00 ¥0.05"
    )


def test_its_filters_refuse_a_float_as_money():
    with pytest.raises(TypeError, match="not an amount"):
        render("{{ a|money:'CNY' }}", a=1.5)


def test_its_filters_write_an_instant_in_the_active_zone():
    with translation.override("zh-hans"), timezone.override("Asia/Shanghai"):
        # 16:30 UTC on 30 November is half past midnight on 1 December in Shanghai.
        at = datetime(2026, 11, 30, 16, 30, tzinfo=UTC)
        assert render("{{ at|moment }} {{ at|day }}", at=at) == "2026-12-01 00:30 2026-12-01"


def test_its_filters_read_kept_payloads():
    with translation.override("zh-hans"), timezone.override("Asia/Shanghai"):
        assert render("{{ a|period_days:b }}", a="2026-11-01", b="2026-11-30") == "2026-11-01 至 11-30（30\u00a0天）"
        assert (
            render("{{ a|day:'long' }} {{ a|moment }}", a="2026-11-30T16:30:00+00:00")
            == "2026年12月1日 2026-12-01 00:30"
        )
        assert render("{{ n|quantity:'条' }} {{ p|unit_price:'CNY' }}", n="2480", p="0.05") == "2,480\u00a0条 ¥0.05"


def test_its_filters_write_nothing_for_nothing():
    assert render("[{{ a|money:'CNY' }}{{ a|day }}{{ a|moment }}{{ a|quantity }}{{ a|period_days:a }}]", a=None) == "[]"
