"""Quotes, with numbers of their own and files."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tenants.printable
from tenants.tables import Together


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0007_changes"),
        ("invoices", "0007_bills_as_drafted"),
        ("tenants", "0004_addresses_and_languages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Quote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("sent", "waits for the customer"),
                            ("accepted", "accepted"),
                            ("declined", "declined"),
                            ("withdrawn", "withdrawn"),
                            ("expired", "expired"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("sequence", models.PositiveBigIntegerField(blank=True, null=True)),
                ("number", models.CharField(blank=True, max_length=40, verbose_name="number")),
                ("revision", models.PositiveSmallIntegerField(default=1, verbose_name="revision")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                ("zone", models.CharField(max_length=64, verbose_name="time zone")),
                (
                    "language",
                    models.CharField(
                        choices=[("zh-hans", "Chinese"), ("en", "English")], max_length=10, verbose_name="language"
                    ),
                ),
                ("start_on", models.DateField(verbose_name="first day")),
                ("end_on", models.DateField(blank=True, null=True, verbose_name="day after the last one")),
                ("renews", models.BooleanField(default=False, verbose_name="renews by itself")),
                (
                    "pays",
                    models.CharField(
                        choices=[
                            ("manual", "by hand"),
                            ("wallet", "from the balance"),
                            ("mandate", "by deduction agreement"),
                        ],
                        default="manual",
                        max_length=8,
                        verbose_name="paid",
                    ),
                ),
                (
                    "label",
                    models.CharField(
                        blank=True,
                        max_length=60,
                        validators=[tenants.printable.validate_printable],
                        verbose_name="label",
                    ),
                ),
                ("quantities", models.JSONField(blank=True, default=dict, verbose_name="quantities")),
                ("modules", models.JSONField(blank=True, default=list, verbose_name="optional items")),
                ("prices", models.JSONField(blank=True, default=dict, verbose_name="negotiated prices")),
                ("minimum_minor", models.BigIntegerField(blank=True, null=True, verbose_name="commitment per period")),
                (
                    "ramp_percent",
                    models.DecimalField(
                        blank=True, decimal_places=4, max_digits=6, null=True, verbose_name="off in the beginning"
                    ),
                ),
                (
                    "ramp_months",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="for so many months"),
                ),
                ("coupons", models.JSONField(blank=True, default=list, verbose_name="coupons")),
                ("expected", models.JSONField(blank=True, default=dict, verbose_name="expected usage of a month")),
                (
                    "clauses",
                    models.TextField(
                        blank=True, validators=[tenants.printable.validate_printable], verbose_name="further terms"
                    ),
                ),
                ("clauses_en", models.TextField(blank=True, verbose_name="further terms in English")),
                ("valid_until", models.DateField(verbose_name="valid until and with")),
                ("estimate", models.JSONField(blank=True, null=True, verbose_name="whole cost")),
                ("seller_copy", models.JSONField(blank=True, null=True, verbose_name="seller when sent")),
                ("buyer_copy", models.JSONField(blank=True, null=True, verbose_name="customer when sent")),
                ("terms_sha256", models.CharField(blank=True, max_length=64, verbose_name="hash of the plan's terms")),
                ("sha256", models.CharField(blank=True, max_length=64, verbose_name="hash of the quote")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent")),
                ("answered_at", models.DateTimeField(blank=True, null=True, verbose_name="answered")),
                ("answered_by_name", models.CharField(blank=True, max_length=80, verbose_name="answered by")),
                ("answered_from", models.GenericIPAddressField(blank=True, null=True, verbose_name="network address")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("shown_text", models.TextField(blank=True, verbose_name="text that was shown")),
                ("shown_sha256", models.CharField(blank=True, max_length=64, verbose_name="hash of the text shown")),
            ],
            options={
                "verbose_name": "quote",
                "verbose_name_plural": "quotes",
            },
        ),
        Together(
            [
                migrations.RemoveConstraint(
                    model_name="document",
                    name="document_kind_known",
                ),
                migrations.RemoveConstraint(
                    model_name="numberseries",
                    name="series_kind_known",
                ),
                migrations.AlterField(
                    model_name="document",
                    name="kind",
                    field=models.CharField(
                        choices=[("invoice", "bill"), ("credit_note", "credit note"), ("quote", "quote")],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                migrations.AlterField(
                    model_name="numberseries",
                    name="kind",
                    field=models.CharField(
                        choices=[("invoice", "bill"), ("credit_note", "credit note"), ("quote", "quote")],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="document",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("kind__in", ["invoice", "credit_note", "quote"])),
                        name="document_kind_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="numberseries",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("kind__in", ["invoice", "credit_note", "quote"])), name="series_kind_known"
                    ),
                ),
                migrations.AddField(
                    model_name="quote",
                    name="answered_by",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="answered by",
                    ),
                ),
                migrations.AddField(
                    model_name="quote",
                    name="created_by",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                migrations.AddField(
                    model_name="quote",
                    name="seller",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quotes",
                        to="tenants.seller",
                        verbose_name="seller",
                    ),
                ),
                migrations.AddField(
                    model_name="quote",
                    name="sent_by",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="sent by",
                    ),
                ),
                migrations.AddField(
                    model_name="quote",
                    name="series",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quotes",
                        to="invoices.numberseries",
                    ),
                ),
                migrations.AddField(
                    model_name="quote",
                    name="subscription",
                    field=models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quote",
                        to="billing.subscription",
                        verbose_name="subscription",
                    ),
                ),
                migrations.AddField(
                    model_name="quote",
                    name="supersedes",
                    field=models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="superseded_by",
                        to="invoices.quote",
                        verbose_name="supersedes",
                    ),
                ),
                migrations.AddField(
                    model_name="quote",
                    name="tenant",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quotes",
                        to="tenants.tenant",
                        verbose_name="customer",
                    ),
                ),
                migrations.AddField(
                    model_name="quote",
                    name="version",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quotes",
                        to="billing.planversion",
                        verbose_name="plan version",
                    ),
                ),
                migrations.AddIndex(
                    model_name="quote",
                    index=models.Index(
                        condition=models.Q(("status", "sent")), fields=["valid_until"], name="quote_waiting"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("number", ""), _negated=True),
                        fields=("number", "revision"),
                        name="quote_number_once",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.UniqueConstraint(
                        fields=("series", "sequence", "revision"), name="quote_sequence_once_in_series"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["draft", "sent", "accepted", "declined", "withdrawn", "expired"])
                        ),
                        name="quote_status_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="quote_currency_form"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("language__in", ["zh-hans", "en"])), name="quote_language_known"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("pays__in", ["manual", "wallet", "mandate"])), name="quote_pays_known"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("end_on", None), ("end_on__gt", models.F("start_on")), _connector="OR"),
                        name="quote_days_in_order",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("renews", False), ("end_on", None), _connector="OR"),
                        name="quote_renews_or_ends",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("minimum_minor", None), ("minimum_minor__gte", 0), _connector="OR"),
                        name="quote_minimum_not_negative",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ramp_months", None), ("ramp_percent", None)),
                            models.Q(("ramp_months__gte", 1), ("ramp_percent__gt", 0), ("ramp_percent__lte", 1)),
                            _connector="OR",
                        ),
                        name="quote_ramp_is_whole",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("sent_at", None), ("sha256", ""), ("status", "draft")),
                            models.Q(
                                models.Q(("status", "draft"), _negated=True),
                                ("sent_at__isnull", False),
                                ("sequence__isnull", False),
                                ("series__isnull", False),
                                ("buyer_copy__isnull", False),
                                ("estimate__isnull", False),
                                ("seller_copy__isnull", False),
                                models.Q(("sha256", ""), _negated=True),
                                models.Q(("number", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="quote_sent_is_whole",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("answered_at__isnull", False),
                                ("status", "accepted"),
                                ("subscription__isnull", False),
                                models.Q(("shown_sha256", ""), _negated=True),
                            ),
                            models.Q(models.Q(("status", "accepted"), _negated=True), ("subscription", None)),
                            _connector="OR",
                        ),
                        name="quote_accepted_says_how",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quote",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answered_at", None), ("status__in", ["draft", "sent"])),
                            models.Q(
                                models.Q(("status__in", ["draft", "sent"]), _negated=True),
                                ("answered_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="quote_answered_says_when",
                    ),
                ),
            ]
        ),
    ]
