"""Budgets and hard caps that customers set: never edited, one in force for each thing, ended once; and what a cap gives back."""

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import migrations, models
from django.db.models.functions import Coalesce

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

SEALED = {"billing_budget": ("ended_at", "ended_by_name"), "billing_budgetrelease": ()}
# What has ended stays ended, when it ended; a release is of its own customer's budget.
ENDS_ONCE = """
CREATE FUNCTION billing_budget_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.ended_at IS NOT NULL THEN
    RAISE EXCEPTION 'billing_budget: row % has ended already', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER billing_budget_ends_once BEFORE UPDATE ON billing_budget
  FOR EACH ROW EXECUTE FUNCTION billing_budget_ends_once();
CREATE FUNCTION billing_charge_cap_gives() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong bigint;
BEGIN
  SELECT c.id INTO wrong FROM fresh c WHERE c.reason = 'cap' AND (SELECT sum(k.undiscounted_minor) FROM billing_charge k
    WHERE k.period_id = c.period_id AND k.code = c.code AND k.reason = 'cap') > 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'billing_charge: cap % takes back more than caps took off', wrong USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER billing_charge_cap_gives AFTER INSERT ON billing_charge
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION billing_charge_cap_gives();
CREATE FUNCTION billing_budgetrelease_of_its_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM billing_budget b WHERE b.id = NEW.budget_id AND b.tenant_id = NEW.tenant_id
    AND b.set_at <= NEW.released_at) THEN
    RAISE EXCEPTION 'billing_budgetrelease: budget % is not of this customer', NEW.budget_id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER billing_budgetrelease_of_its_tenant BEFORE INSERT ON billing_budgetrelease
  FOR EACH ROW EXECUTE FUNCTION billing_budgetrelease_of_its_tenant();
CREATE FUNCTION billing_chargecredit_back_by_caps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.amount_minor < 0 OR NEW.undiscounted_minor < 0)
    AND NOT EXISTS (SELECT 1 FROM billing_charge c WHERE c.id = NEW.credit_id AND c.reason = 'cap') THEN
    RAISE EXCEPTION 'billing_chargecredit: only a cap takes back what it gave, charge % is none', NEW.credit_id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER billing_chargecredit_back_by_caps AFTER INSERT ON billing_chargecredit
  FOR EACH ROW EXECUTE FUNCTION billing_chargecredit_back_by_caps();
"""
ENDS_AGAIN = """
DROP TRIGGER billing_chargecredit_back_by_caps ON billing_chargecredit; DROP FUNCTION billing_chargecredit_back_by_caps();
DROP TRIGGER billing_charge_cap_gives ON billing_charge; DROP FUNCTION billing_charge_cap_gives();
DROP TRIGGER billing_budgetrelease_of_its_tenant ON billing_budgetrelease;
DROP FUNCTION billing_budgetrelease_of_its_tenant();
DROP TRIGGER billing_budget_ends_once ON billing_budget; DROP FUNCTION billing_budget_ends_once();
"""


def _key(to, related, **more):
    return models.ForeignKey(to=to, on_delete=django.db.models.deletion.PROTECT, related_name=related, **more)


def _range(what, function):
    return (models.Func(what, what, models.Value("[]"), function=function), "&&")


def _number(name):
    return Coalesce(models.F(name), models.Value(0), output_field=models.BigIntegerField())


def _text(name):
    return models.Func(models.F(name), function="hashtext")


PERSON = {"blank": True, "db_index": False, "null": True}


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0018_ledger_seals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="Budget",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("tenant", _key("tenants.tenant", "budgets", verbose_name="customer")),
                        (
                            "subscription",
                            models.ForeignKey(
                                to="billing.subscription",
                                on_delete=django.db.models.deletion.PROTECT,
                                verbose_name="subscription",
                                **PERSON,
                            ),
                        ),
                        ("price_code", models.CharField(blank=True, max_length=60, verbose_name="price code")),
                        ("meter", _key("usage.meter", "budgets", verbose_name="meter", **PERSON)),
                        ("amount_minor", models.BigIntegerField(verbose_name="amount")),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("hard", models.BooleanField(default=False, verbose_name="hard cap")),
                        (
                            "on_reach",
                            models.CharField(
                                choices=[("warn", "warn"), ("ask", "ask"), ("stop", "stop")],
                                default="warn",
                                max_length=4,
                                verbose_name="when it is reached",
                            ),
                        ),
                        ("set_by", _key(settings.AUTH_USER_MODEL, "+", verbose_name="set by", **PERSON)),
                        ("set_by_name", models.CharField(blank=True, max_length=150, verbose_name="set by")),
                        ("set_at", models.DateTimeField(verbose_name="set")),
                        ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                        ("ended_by_name", models.CharField(blank=True, max_length=150, verbose_name="ended by")),
                    ],
                    options={
                        "verbose_name": "budget",
                        "verbose_name_plural": "budgets",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("amount_minor__gte", 0)), name="budget_not_negative"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="budget_currency_form"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("on_reach__in", ["warn", "ask", "stop"])), name="budget_reach_known"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("ended_at", None), ("ended_at__gte", models.F("set_at")), _connector="OR"
                                ),
                                name="budget_ends_after_start",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("price_code", ""), ("subscription", None)),
                                    models.Q(("meter", None), ("subscription", None)),
                                    models.Q(("meter", None), ("price_code", "")),
                                    _connector="OR",
                                ),
                                name="budget_of_one_thing",
                            ),
                            ExclusionConstraint(
                                name="budget_one_in_force",
                                expressions=[
                                    _range(models.F("tenant"), "int8range"),
                                    _range(_number("subscription"), "int8range"),
                                    _range(_number("meter"), "int8range"),
                                    _range(_text("price_code"), "int4range"),
                                    _range(_text("currency"), "int4range"),
                                    (models.Func(models.F("set_at"), models.F("ended_at"), function="tstzrange"), "&&"),
                                ],
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BudgetRelease",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("tenant", _key("tenants.tenant", "budget_releases", db_index=False)),
                        ("budget", _key("billing.budget", "releases", verbose_name="budget")),
                        ("extra_minor", models.BigIntegerField(verbose_name="more")),
                        ("released_by", _key(settings.AUTH_USER_MODEL, "+", verbose_name="released by", **PERSON)),
                        ("released_by_name", models.CharField(blank=True, max_length=150, verbose_name="released by")),
                        ("released_at", models.DateTimeField(verbose_name="released")),
                        ("until", models.DateTimeField(verbose_name="until")),
                    ],
                    options={
                        "verbose_name": "release of a budget",
                        "verbose_name_plural": "releases of budgets",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("extra_minor__gt", 0)), name="budget_release_adds"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("until__gt", models.F("released_at"))), name="budget_release_ends"
                            ),
                        ],
                    },
                ),
            ]
        ),
        Together(
            [
                migrations.RemoveConstraint(model_name="chargecredit", name="charge_credit_not_negative"),
                migrations.AddConstraint(
                    model_name="chargecredit",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_minor__gte", 0), ("undiscounted_minor__gte", 0)),
                            models.Q(("amount_minor__lte", 0), ("undiscounted_minor__lte", 0)),
                            _connector="OR",
                        ),
                        name="charge_credit_of_one_sign",
                    ),
                ),
            ]
        ),
        *(migrations.RunSQL(refuse_changes(t, only=only), restore_changes(t)) for t, only in SEALED.items()),
        *(migrations.RunSQL(own_rows(t), take_own_rows_back(t)) for t in SEALED),
        migrations.RunSQL(ENDS_ONCE, ENDS_AGAIN),
    ]
