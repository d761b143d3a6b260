"""What every model keeps: exact numbers, named rules, protected neighbours."""

from collections.abc import Iterable

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.db import models
from django.db.models import Q
from django.db.models.fields.related import ForeignKey

from tests.architecture.source import APPS

# (digits, places): quantities, quantity-seconds, exact amounts before rounding, rates of tax and discount.
NUMBERS = {(30, 10), (40, 10), (40, 20), (6, 4)}
# A part goes with its whole; nothing else may ever go because a neighbour goes.
PARTS = {
    "tenants.Contact.tenant": "how to reach a company",
    "tenants.Member.tenant": "a person's place in a company",
    "tenants.Member.user": "a person's place in a company",
    "tenants.ApiKey.tenant": "a key opens this one's door and no other",
    "tenants.ApiKey.seller": "a key opens this one's door and no other",
    "billing.Price.version": "prices of a draft version, which alone may be deleted",
    "billing.PriceListEntry.price_list": "entries of a draft list, which alone may be deleted",
    "invoices.DunningStep.schedule": "days of a schedule; what they did is kept by acts of their own",
}


def own_models() -> list[type[models.Model]]:
    return [model for app in APPS for model in apps.get_app_config(app).get_models(include_auto_created=True)]


def inexact(fields: Iterable[models.Field]) -> list[str]:
    """Numbers that are floats, money that is not whole minor units, decimals of an unknown form."""
    return [str(field) for field in fields if not is_exact(field)]


def is_exact(field: models.Field) -> bool:
    name, form = field.name, getattr(field, "output_field", field)
    if isinstance(form, models.FloatField):
        return False
    if name.endswith("_minor"):
        return isinstance(form, models.BigIntegerField)
    if isinstance(form, models.DecimalField):
        return (form.max_digits, form.decimal_places) in NUMBERS
    return True


def without_currency(found: Iterable[type[models.Model]]) -> list[str]:
    """Models with an amount that say nowhere in which currency it is."""
    return [model.__name__ for model in found if has_amount(model) and not knows_currency(model)]


def has_amount(model: type[models.Model]) -> bool:
    return any(field.name.endswith("_minor") for field in model._meta.fields)


def knows_currency(model: type[models.Model]) -> bool:
    """A currency of its own, or of a row that it belongs to."""
    parents = [field.related_model for field in model._meta.fields if isinstance(field, ForeignKey)]
    return any("currency" in {field.name for field in one._meta.fields} for one in (model, *parents))


def unprotected(fields: Iterable[models.Field]) -> list[str]:
    keys = [field for field in fields if isinstance(field, ForeignKey) and str(field) not in PARTS]
    return [str(key) for key in keys if key.remote_field.on_delete is not models.PROTECT]


def open_choices(found: Iterable[type[models.Model]]) -> list[str]:
    """Fields with choices that the database does not hold to them."""
    fields = [(model, field) for model in found for field in model._meta.local_fields if field.choices]
    return [str(field) for model, field in fields if field.name not in checked_fields(model)]


def checked_fields(model: type[models.Model]) -> set[str]:
    checks = [rule for rule in model._meta.constraints if isinstance(rule, models.CheckConstraint)]
    return {name.split("__")[0] for rule in checks for name in named_in(rule.condition)}


def named_in(condition: Q) -> list[str]:
    """The left sides of a condition."""
    names = []
    for child in condition.children:
        names += named_in(child) if isinstance(child, Q) else [child[0]]
    return names


def unnamed_rules(found: Iterable[type[models.Model]]) -> list[str]:
    """Models with Django's old way to say unique, which names the rule by itself."""
    return [model.__name__ for model in found if model._meta.unique_together and not model._meta.auto_created]


def our_fields() -> list[models.Field]:
    return [field for model in own_models() if not model._meta.auto_created for field in model._meta.local_fields]


def test_it_keeps_numbers_exact():
    assert inexact(our_fields()) == []


def test_it_says_the_currency_of_every_amount():
    assert without_currency(own_models()) == []


def test_it_protects_the_neighbours_of_every_row():
    assert unprotected(our_fields()) == []


def test_it_names_parts_that_exist():
    assert set(PARTS) <= {str(field) for field in our_fields()}


def test_it_holds_choices_in_the_database():
    assert open_choices(own_models()) == []


def test_it_names_every_rule():
    assert unnamed_rules(own_models()) == []


@pytest.fixture
def bad():
    """A model that breaks every rule; it is known to no registry but its own."""

    class Bad(models.Model):
        price = models.FloatField()
        total_minor = models.IntegerField()
        quantity = models.DecimalField(max_digits=8, decimal_places=2)
        state = models.CharField(max_length=5, choices=[("a", "A")])
        owner = models.ForeignKey("self", models.CASCADE, related_name="+")

        class Meta:
            app_label = "nowhere"
            apps = Apps()
            unique_together = [("state", "owner")]

        def __str__(self) -> str:
            return self.state

    return Bad


def test_it_sees_an_inexact_number(bad):
    assert inexact(bad._meta.fields) == ["nowhere.Bad.price", "nowhere.Bad.total_minor", "nowhere.Bad.quantity"]


def test_it_sees_an_amount_without_currency(bad):
    assert "Bad" in without_currency([bad])


def test_it_sees_an_unprotected_neighbour(bad):
    assert unprotected(bad._meta.fields) == ["nowhere.Bad.owner"]


def test_it_sees_an_open_choice(bad):
    assert open_choices([bad]) == ["nowhere.Bad.state"]


def test_it_sees_an_unnamed_rule(bad):
    assert unnamed_rules([bad]) == ["Bad"]


def test_it_reads_nested_conditions():
    assert named_in(Q(a=1) | (Q(b__in=[2]) & ~Q(c=3))) == ["a", "b__in", "c"]
