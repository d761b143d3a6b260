"""A story is read before anything happens: every mistake has its code, its path and a message in both languages."""

from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

import pytest

from billing.rating.errors import InputError
from invoices.rehearsal import reading, sources
from tests.invoices.rehearsal.conftest import BUY, story, use

GONE = object()


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return a story that is in order but for one place."""
    said = deepcopy(story(BUY, use("2026-02-10T09:00:00", "1200"), name="x", tax={"rate": "0.06"}))
    *way, last = path
    place: Any = said
    for key in way:
        place = place[key]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return said


def refusal(said: Any) -> InputError:
    with pytest.raises(InputError) as raised:
        reading.read(said)
    return raised.value


PRICE = ("catalogue", "plans", 0, "prices", 2)


@pytest.mark.parametrize(
    ("path", "value", "code", "told"),
    [
        (("colour",), "red", "unknown_key", "colour"),
        (("until",), GONE, "missing", "until"),
        (("until",), "soon", "not_an_instant", "until"),
        (("until",), "9999-01-01T00:00:00", "not_an_instant", "until"),
        (("timezone",), "Mars/Olympus", "unknown_zone", "timezone"),
        (("currency",), "XXX", "unknown_currency", "currency"),
        (("strict",), "yes", "not_true_or_false", "strict"),
        (("name",), 7, "not_a_string", "name"),
        (("tax",), {"rate": 0.06}, "not_a_string", "tax.rate"),
        (("tax",), {"rate": "6"}, "rate_too_high", "tax.rate"),
        (("tax", "percent"), "6", "unknown_key", "tax.percent"),
        (("tenants",), GONE, "missing", "tenants"),
        (("tenants", 0, "code"), "a b", "bad_code", "tenants[0].code"),
        (("tenants", 0, "pays"), "cash", "unknown_value", "tenants[0].pays"),
        (("tenants", 0, "wallet"), 100, "not_a_string", "tenants[0].wallet"),
        (("tenants", 0, "wallet"), "1.005", "too_many_digits", "tenants[0].wallet"),
        (("tenants", 0, "parent"), "group", "bad_parent", "tenants[0].parent"),
        (("tenants", 0, "timezone"), "X", "unknown_zone", "tenants[0].timezone"),
        (("tenants",), [{"code": "a"}, {"code": "a"}], "duplicate_code", "tenants[1].code"),
        (("catalogue", "prices"), [], "unknown_key", "catalogue.prices"),
        (("catalogue", "meters", 0, "sum"), 1, "unknown_key", "catalogue.meters[0].sum"),
        (("catalogue", "plans", 0, "cheap"), True, "unknown_key", "catalogue.plans[0].cheap"),
        (("catalogue", "plans", 0, "minimum"), 100, "not_a_string", "catalogue.plans[0].minimum"),
        ((*PRICE, "colour"), "red", "unknown_key", "catalogue.plans[0].prices[2].colour"),
        ((*PRICE, "unit_amount"), 0.05, "not_a_string", "catalogue.plans[0].prices[2].unit_amount"),
        ((*PRICE, "unit_amount"), GONE, "missing", "catalogue.plans[0].prices[2].unit_amount"),
        ((*PRICE, "kind"), GONE, "missing", "catalogue.plans[0].prices[2].kind"),
        (("catalogue", "coupons"), [{"code": "A"}], "percent_or_amount", "catalogue.coupons[0]"),
        (("catalogue", "coupons"), [{"code": "A", "percent": "101"}], "too_high", "catalogue.coupons[0].percent"),
        (
            ("catalogue", "coupons"),
            [{"code": "A", "percent": "10", "duration": "weekly"}],
            "unknown_value",
            "catalogue.coupons[0].duration",
        ),
        (("steps", 0), "subscribe", "not_an_object", "steps[0]"),
        (("steps", 0, "do"), "fly", "unknown_verb", "steps[0].do"),
        (("steps", 0, "at"), GONE, "missing", "steps[0].at"),
        (("steps", 0, "tenant"), GONE, "missing", "steps[0].tenant"),
        (("steps", 0, "plan"), GONE, "missing", "steps[0].plan"),
        (("steps", 0, "colour"), "red", "unknown_key", "steps[0].colour"),
        (("steps", 0, "quantities"), {"seat": 1.5}, "not_a_string", "steps[0].quantities.seat"),
        (("steps", 0, "modules"), ["a", 2], "not_a_string", "steps[0].modules[1]"),
        (
            ("steps", 0, "prices"),
            {"base": {"model": "flat", "amount": 5}},
            "not_a_string",
            "steps[0].prices.base.amount",
        ),
        (("steps", 0, "authorise"), {"limit": "5"}, "unknown_key", "steps[0].authorise.limit"),
        (("steps", 0, "start"), "tomorrow", "not_a_day", "steps[0].start"),
        (("steps", 1, "quantity"), 1200, "not_a_string", "steps[1].quantity"),
        (("steps", 1, "quantity"), "-1", "negative", "steps[1].quantity"),
        (("steps", 1, "occurred_at"), "later", "not_an_instant", "steps[1].occurred_at"),
    ],
)
def test_it_names_what_is_wrong(path, value, code, told):
    wrong = refusal(changed(path, value))
    assert (wrong.code, wrong.path) == (code, told)
    assert wrong.text("zh") != wrong.text("en")


@pytest.mark.parametrize("said", [None, [], "story", 7])
def test_it_wants_an_object(said):
    assert refusal(said).code == "not_an_object"


def test_it_reads_times_in_the_zone_of_the_story():
    said = changed(("timezone",), "America/New_York")
    said["until"] = datetime.fromisoformat("2026-03-02T00:00:00")  # as YAML reads it
    said["steps"][0]["start"] = date(2026, 2, 1)
    said["steps"][1]["at"] = "2026-02-10T09:00:00+00:00"
    read = reading.read(said)
    assert read.until.astimezone(UTC) == datetime(2026, 3, 2, 5, tzinfo=UTC)
    assert read.steps[1].at == datetime(2026, 2, 10, 9, tzinfo=UTC)
    assert read.steps[0]["start"] == date(2026, 2, 1)


def test_it_orders_steps_by_time_and_keeps_their_numbers():
    read = reading.read(story(use("2026-02-10T09:00:00", "1"), use("2026-02-09T09:00:00", "2"), BUY))
    assert [step.number for step in read.steps] == [3, 2, 1]


def test_it_reads_on_as_a_key_whatever_yaml_thinks():
    text = "at: 2026-02-01T00:00:00\ndo: auto_renew\ntenant: acme\non: false\n"
    (step,) = sources.stories(text)
    assert step["on"] is False
    assert reading.read(story(step)).steps[0]["on"] is False
    as_yaml_1_1_reads_it = {"at": BUY["at"], "do": "auto_renew", "tenant": "acme", True: True}
    assert reading.read(story(as_yaml_1_1_reads_it)).steps[0]["on"] is True


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "malformed_yaml"),
        ("{a: 1, a: 2}", "duplicate_key"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ("x: &a [*a]\ny: {? [1] : 2}", "malformed_yaml"),
        ("!!python/object:os.system {}", "malformed_yaml"),
    ],
)
def test_it_refuses_a_text_that_is_no_story(text, code):
    with pytest.raises(InputError) as raised:
        sources.stories(text)
    assert raised.value.code == code


def test_a_list_and_several_documents_are_several_stories():
    assert sources.stories("[{name: a}, {name: b}]") == [{"name": "a"}, {"name": "b"}]
    assert sources.stories("name: a\n---\nname: b\n") == [{"name": "a"}, {"name": "b"}]
    assert sources.stories('[{"name": "a"}]') == [{"name": "a"}]
