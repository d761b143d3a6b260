"""Advice on plans, figures of like customers, and what customers say of us."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tenants.guards import everyone_reads, nobody_reads, own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

PROTECT = django.db.models.deletion.PROTECT
ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
CURRENCY = models.Q(("currency__regex", "^[A-Z]{3}$"))
EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")
LABELS = ("planadvice", "peerfigure", "survey")


def allow(apps, schema_editor):
    """Let each role see what customers are advised, how they compare, and what they say."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    for role, model in [(role, model) for role in EVERYBODY for model in LABELS]:
        kind, _new = content_types.objects.get_or_create(app_label="invoices", model=model)
        told = {"name": f"Can view {apps.get_model('invoices', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"view_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0033_holds"),
        ("billing", "0020_taken_back"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="PlanAdvice",
                    fields=[
                        ID,
                        ("day", models.DateField(verbose_name="reckoned on")),
                        ("first", models.DateField(verbose_name="from")),
                        ("end", models.DateField(verbose_name="until")),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("billed_minor", models.BigIntegerField(verbose_name="billed")),
                        ("plans", models.JSONField(default=list, verbose_name="plans")),
                        (
                            "subscription",
                            models.OneToOneField(
                                on_delete=PROTECT,
                                related_name="plan_advice",
                                to="billing.subscription",
                                verbose_name="subscription",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=PROTECT,
                                related_name="plan_advice",
                                to="tenants.tenant",
                                verbose_name="customer",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "plan advice",
                        "verbose_name_plural": "plan advice",
                        "constraints": [
                            models.CheckConstraint(condition=CURRENCY, name="plan_advice_currency_form"),
                            models.CheckConstraint(
                                condition=models.Q(("end__gt", models.F("first"))), name="plan_advice_days_in_order"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PeerFigure",
                    fields=[
                        ID,
                        (
                            "band",
                            models.CharField(
                                choices=[
                                    ("none", "without seats"),
                                    ("1-5", "1 to 5 seats"),
                                    ("6-20", "6 to 20 seats"),
                                    ("21-50", "21 to 50 seats"),
                                    ("51+", "more than 50 seats"),
                                ],
                                max_length=5,
                                verbose_name="size",
                            ),
                        ),
                        (
                            "measure",
                            models.CharField(
                                choices=[("month", "cost a month"), ("seat", "cost a month and seat")],
                                max_length=5,
                                verbose_name="measure",
                            ),
                        ),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("customers", models.PositiveIntegerField(verbose_name="customers")),
                        ("deciles", models.JSONField(verbose_name="deciles")),
                        ("at", models.DateTimeField(verbose_name="reckoned")),
                        (
                            "family",
                            models.ForeignKey(
                                on_delete=PROTECT,
                                related_name="peer_figures",
                                to="billing.family",
                                verbose_name="product",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "figure of like customers",
                        "verbose_name_plural": "figures of like customers",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("family", "band", "measure", "currency"), name="peer_figure_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("customers__gte", 10)), name="peer_figure_anonymous"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("band__in", ["none", "1-5", "6-20", "21-50", "51+"])),
                                name="peer_figure_band_known",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("measure__in", ["month", "seat"])),
                                name="peer_figure_measure_known",
                            ),
                            models.CheckConstraint(condition=CURRENCY, name="peer_figure_currency_form"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Survey",
                    fields=[
                        ID,
                        ("occasion", models.CharField(max_length=40, verbose_name="occasion")),
                        ("score", models.PositiveSmallIntegerField(verbose_name="score")),
                        ("words", models.CharField(blank=True, max_length=1000, verbose_name="words")),
                        ("at", models.DateTimeField(verbose_name="at")),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="by"
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=PROTECT, related_name="surveys", to="tenants.tenant", verbose_name="customer"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "opinion",
                        "verbose_name_plural": "opinions",
                        "ordering": ["-at", "-pk"],
                        "constraints": [
                            models.UniqueConstraint(fields=("tenant", "by", "occasion"), name="survey_once"),
                            models.CheckConstraint(
                                condition=models.Q(("score__gte", 1), ("score__lte", 5)), name="survey_score_range"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("occasion__regex", "^(quarter:\\d{4}-[1-4]|dispute:\\d+)$")),
                                name="survey_occasion_form",
                            ),
                        ],
                    },
                ),
            ]
        ),
        migrations.RunSQL(own_rows("invoices_planadvice"), take_own_rows_back("invoices_planadvice")),
        migrations.RunSQL(own_rows("invoices_survey"), take_own_rows_back("invoices_survey")),
        migrations.RunSQL(refuse_changes("invoices_survey"), restore_changes("invoices_survey")),
        # No row of it names a customer.
        migrations.RunSQL(everyone_reads("invoices_peerfigure"), nobody_reads("invoices_peerfigure")),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
