"""The catalogue as an operator works on it: draft, prices by form, examples at once, compare, publish; then it is sealed."""

import pytest
from django.urls import reverse

from billing.models import Family, Plan, PlanVersion, Price, PriceList, PriceListEntry
from tests import shop
from tests.admin.conftest import METERS, staff

PRICE = {
    "kind": "seat",
    "code": "seat",
    "name": "席位",
    "timing": "advance",
    "position": "0",
    "match": "",
    "interval": "",
}


def to(model: str, act: str, row) -> str:
    return reverse(f"admin:billing_{model}_{act}", kwargs={"object_id": row.pk})


def tiers(*rows: tuple[str, str]) -> dict[str, list[str]]:
    """Rows of (bound, price of one) as the form sends them."""
    blank = ["" for _row in rows]
    bounds, prices = [row[0] for row in rows], [row[1] for row in rows]
    return {
        "tiers.up_to": bounds,
        "tiers.unit_amount": prices,
        "tiers.amount": blank,
        "tiers.rate": blank,
        "tiers.flat_amount": blank,
    }


@pytest.fixture
def draft(desk):
    """The draft of a plan that an operator made on the pages."""
    qingyu = shop.seller()
    shop.defining.define_meters(qingyu, METERS, at=shop.OPENED)
    family = {"seller": qingyu.pk, "code": "scrm", "name": "客户云", "plans-TOTAL_FORMS": 0, "plans-INITIAL_FORMS": 0}
    desk.post(reverse("admin:billing_family_add"), family)
    versions = {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
    plan = {"family": Family.objects.get().pk, "code": "pro", "name": "专业版", "on_sale": "on", **versions}
    desk.post(reverse("admin:billing_plan_add"), plan)
    desk.post(to("plan", "new_draft", Plan.objects.get()))
    return PlanVersion.objects.get()


def test_it_takes_tiers_typed_as_rows(desk, draft):
    answer = desk.post(
        to("planversion", "add_price", draft), PRICE | {"model": "graduated"} | tiers(("10", "20"), ("", "15"))
    )
    assert answer.status_code == 302
    price = draft.prices.get()
    assert price.params == {
        "tiers": [
            {"up_to": "10", "unit_amount": "20", "flat_amount": "0"},
            {"up_to": None, "unit_amount": "15", "flat_amount": "0"},
        ]
    }


def test_it_shows_a_gap_of_the_tiers_in_its_row(desk, draft):
    answer = desk.post(
        to("planversion", "add_price", draft),
        PRICE | {"model": "graduated"} | tiers(("10", "20"), ("5", "15"), ("", "1")),
        headers={"accept-language": "en"},
    )
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Tier 2: The bound must be above that of the tier before it." in text
    assert text.count('class="wrong"') == 1
    assert not draft.prices.exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"model": "flat", "amount": "-5"}, "A price cannot be below zero."),
        ({"model": "flat", "amount": "ten"}, "This is no number"),
        ({"model": "flat", "amount": ""}, "Please fill this in."),
        ({"model": "graduated"} | tiers(("10", "20")), "leave the bound of the last tier empty"),
        ({"model": "flat", "amount": "5", "minimum": "9", "maximum": "8"}, "The least must not be above the most."),
    ],
)
def test_it_says_in_words_what_is_wrong_with_a_price(desk, draft, typed, said):
    answer = desk.post(to("planversion", "add_price", draft), PRICE | typed, headers={"accept-language": "en"})
    assert said in answer.content.decode()
    assert not draft.prices.exists()


def test_it_refuses_two_prices_of_one_code(desk, draft):
    page = to("planversion", "add_price", draft)
    desk.post(page, PRICE | {"model": "flat", "amount": "1"})
    answer = desk.post(page, PRICE | {"model": "flat", "amount": "2"}, headers={"accept-language": "en"})
    assert "This version has a price of this code already." in answer.content.decode()


def test_it_reads_percent_and_thousands_as_people_type_them(desk, draft):
    typed = {"model": "percentage", "rate": "1", "max_amount": "1,000.00", "kind": "base"}
    desk.post(to("planversion", "add_price", draft), PRICE | typed)
    assert draft.prices.get().params == {"rate": "0.01", "fixed_amount": "0", "max_amount": "1000"}


def test_it_needs_a_meter_for_usage_and_charges_it_in_arrears(desk, draft):
    page, typed = (
        to("planversion", "add_price", draft),
        PRICE | {"kind": "usage", "model": "per_unit", "unit_amount": "0.05"},
    )
    refused = desk.post(page, typed, headers={"accept-language": "en"})
    assert "Choose what is measured." in refused.content.decode()
    meter = draft.plan.seller.meters.get(code="sms")
    desk.post(page, typed | {"meter": meter.pk, "match": "region = abroad"})
    price = draft.prices.get()
    assert (price.timing, price.match) == ("arrears", {"region": "abroad"})


def test_it_shows_at_once_what_some_quantities_would_cost(desk):
    typed = {
        "model": "per_unit",
        "unit_amount": "0.05",
        "included": "1000",
        "pricing-currency": "CNY",
        "pricing-quantity": "2,000",
    }
    text = desk.post(reverse("admin:billing_price_preview"), typed).content.decode()
    # 1,200 - 1,000 = 200 at 0.05; 2,000 - 1,000 = 1,000 at 0.05
    assert all(amount in text for amount in ("¥0.00", "¥10.00", "¥50.00"))


def test_it_publishes_after_showing_every_price_and_then_refuses_edits(desk, draft):
    desk.post(to("planversion", "add_price", draft), PRICE | {"model": "per_unit", "unit_amount": "20"})
    asked = desk.get(to("planversion", "publish", draft), headers={"accept-language": "en"}).content.decode()
    assert "¥20.00 each" in asked
    desk.post(to("planversion", "publish", draft))
    draft.refresh_from_db()
    assert draft.status == "published"
    price = draft.prices.get()
    refused = desk.post(to("price", "edit", price), PRICE | {"model": "per_unit", "unit_amount": "1"})
    price.refresh_from_db()
    assert (refused.status_code, price.params) == (302, {"unit_amount": "20"})
    assert (
        desk.post(reverse("admin:billing_planversion_change", args=[draft.pk]), {"currency": "USD"}).status_code == 403
    )


def test_it_refuses_to_publish_a_draft_without_prices(desk, draft):
    answer = desk.post(to("planversion", "publish", draft), headers={"accept-language": "en"})
    assert "A plan needs at least one price." in answer.content.decode()
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_it_lists_what_differs_from_the_version_on_sale(desk, world):
    base = world.draft.prices.get(code="base")
    Price.objects.filter(pk=base.pk).update(params={"amount": "249.00"})
    world.draft.prices.filter(code="seat").delete()
    text = desk.get(to("planversion", "compare", world.draft), headers={"accept-language": "en"}).content.decode()
    assert "¥199.00" in text
    assert "¥249.00" in text
    assert "(removed)" in text


def test_it_keeps_a_commitment_written_in_yuan(desk, world):
    page = reverse("admin:billing_planversion_change", args=[world.draft.pk])
    terms = {"currency": "CNY", "interval": "month", "term": "year", "alignment": "anniversary", "trial_days": 0}
    terms |= {"after_trial": "ends", "proration": "day", "refund": "none", "undo_hours": 0, "minimum": "5,000.50"}
    assert desk.post(page, terms).status_code == 302
    world.draft.refresh_from_db()
    assert (world.draft.minimum_minor, world.draft.term) == (500050, "year")


def test_it_makes_and_publishes_a_price_list(desk, world):
    group = world.price_list.group
    fresh = {"seller": world.seller.pk, "group": group.pk, "code": "partners", "number": 2, "name": "代理价 2"}
    assert desk.post(reverse("admin:billing_pricelist_add"), fresh).status_code == 302
    price_list = PriceList.objects.get(number=2)
    entry = {"plan": world.version.plan.pk, "price_code": "base", "model": "flat", "amount": "129"}
    desk.post(to("pricelist", "add_entry", price_list), entry)
    desk.post(to("pricelist", "publish", price_list))
    price_list.refresh_from_db()
    world.price_list.refresh_from_db()
    assert (price_list.status, world.price_list.status) == ("published", "retired")
    assert PriceListEntry.objects.get(price_list=price_list).params == {"amount": "129"}


def test_it_lets_a_viewer_see_prices_and_change_none(client, world):
    client.force_login(staff("Viewer"), "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(reverse("admin:billing_planversion_change", args=[world.draft.pk])).status_code == 200
    assert client.post(to("planversion", "publish", world.draft)).status_code == 403
    assert client.post(to("price", "edit", world.draft.prices.first())).status_code == 403


def test_it_opens_the_draft_from_the_version_on_sale(desk, world):
    answer = desk.post(to("planversion", "new_draft", world.version))
    assert answer.url == reverse("admin:billing_planversion_change", args=[world.draft.pk])
