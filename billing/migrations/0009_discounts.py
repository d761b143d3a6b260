"""Coupons, who redeemed them, and what they took off which charge; sealed, and read by whom they concern."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import tenants.printable
import tenants.validators
from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

SEALED = {
    "billing_coupon": {
        "only": ("active", "valid_from", "valid_until", "budget_minor", "most_redemptions", "most_per_tenant")
    },
    "billing_redemption": {"only": ("used_up_at",)},
    # It goes with its draft; once the document is issued, it stays.
    "billing_applieddiscount": {"unless": "OLD.final_at IS NULL"},
}
# Who pays for a contract reads what was taken off it.
READ = {
    "billing_redemption": "subscription_id IN (SELECT id FROM billing_subscription)",
    "billing_applieddiscount": "charge_id IN (SELECT id FROM billing_charge)",
    "billing_coupon": "id IN (SELECT coupon_id FROM billing_redemption)",
}


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0008_packs"),
        ("billing", "0008_wallets"),
        ("tenants", "0004_addresses_and_languages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="Coupon",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "name",
                            models.CharField(
                                max_length=80, validators=[tenants.printable.validate_printable], verbose_name="name"
                            ),
                        ),
                        ("name_en", models.CharField(blank=True, max_length=80, verbose_name="name in English")),
                        (
                            "code",
                            models.CharField(
                                max_length=60, validators=[tenants.validators.validate_code], verbose_name="code"
                            ),
                        ),
                        (
                            "percent",
                            models.DecimalField(
                                blank=True, decimal_places=10, max_digits=30, null=True, verbose_name="percent off"
                            ),
                        ),
                        ("amount_minor", models.BigIntegerField(blank=True, null=True, verbose_name="amount off")),
                        (
                            "currency",
                            models.CharField(
                                blank=True,
                                max_length=3,
                                validators=[tenants.validators.validate_currency],
                                verbose_name="currency",
                            ),
                        ),
                        (
                            "duration",
                            models.CharField(
                                choices=[
                                    ("once", "once"),
                                    ("forever", "as long as the contract"),
                                    ("months", "for some months"),
                                ],
                                default="once",
                                max_length=8,
                                verbose_name="duration",
                            ),
                        ),
                        ("months", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="months")),
                        ("applies_to", models.JSONField(blank=True, default=list, verbose_name="only for the prices")),
                        ("valid_from", models.DateTimeField(blank=True, null=True, verbose_name="redeemable from")),
                        ("valid_until", models.DateTimeField(blank=True, null=True, verbose_name="redeemable until")),
                        ("budget_minor", models.BigIntegerField(blank=True, null=True, verbose_name="budget")),
                        (
                            "most_redemptions",
                            models.PositiveIntegerField(blank=True, null=True, verbose_name="redemptions at most"),
                        ),
                        (
                            "most_per_tenant",
                            models.PositiveIntegerField(
                                blank=True, null=True, verbose_name="redemptions per customer at most"
                            ),
                        ),
                        ("active", models.BooleanField(default=True, verbose_name="on offer")),
                        ("created_at", models.DateTimeField(verbose_name="created")),
                        (
                            "seller",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="coupons",
                                to="tenants.seller",
                                verbose_name="seller",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "coupon",
                        "verbose_name_plural": "coupons",
                        "ordering": ["-created_at", "-id"],
                    },
                ),
                migrations.CreateModel(
                    name="Redemption",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("position", models.PositiveIntegerField(verbose_name="position")),
                        ("counted_from", models.DateField(verbose_name="counted from")),
                        ("redeemed_at", models.DateTimeField(verbose_name="redeemed")),
                        ("used_up_at", models.DateTimeField(blank=True, null=True, verbose_name="used up")),
                        (
                            "coupon",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="redemptions",
                                to="billing.coupon",
                                verbose_name="coupon",
                            ),
                        ),
                        (
                            "redeemed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="by",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="redemptions",
                                to="billing.subscription",
                                verbose_name="subscription",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="redemptions",
                                to="tenants.tenant",
                                verbose_name="customer",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "redeemed coupon",
                        "verbose_name_plural": "redeemed coupons",
                    },
                ),
                migrations.CreateModel(
                    name="AppliedDiscount",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("position", models.PositiveIntegerField(verbose_name="position")),
                        ("amount_minor", models.BigIntegerField(verbose_name="amount")),
                        ("final_at", models.DateTimeField(blank=True, null=True, verbose_name="final")),
                        (
                            "charge",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="discounts",
                                to="billing.charge",
                                verbose_name="charge",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="applied_discounts",
                                to="tenants.tenant",
                            ),
                        ),
                        (
                            "redemption",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="discounts",
                                to="billing.redemption",
                                verbose_name="redeemed coupon",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "applied discount",
                        "verbose_name_plural": "applied discounts",
                        "ordering": ["charge", "position"],
                    },
                ),
            ]
        ),
        Together(
            [
                migrations.AddConstraint(
                    model_name="coupon",
                    constraint=models.UniqueConstraint(
                        models.F("seller"),
                        django.db.models.functions.text.Upper("code"),
                        name="coupon_code_once_per_seller",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="coupon",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_minor__gt", 0), ("percent__isnull", True)),
                            models.Q(("amount_minor", None), ("percent__gt", 0), ("percent__lte", 100)),
                            _connector="OR",
                        ),
                        name="coupon_percent_or_amount",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="coupon",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_minor", None), ("budget_minor", None), ("currency", "")),
                            ("currency__regex", "^[A-Z]{3}$"),
                            _connector="OR",
                        ),
                        name="coupon_amount_has_currency",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="coupon",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("duration__in", ["once", "forever"]), ("months", None)),
                            models.Q(("duration", "months"), ("months__gt", 0)),
                            _connector="OR",
                        ),
                        name="coupon_duration_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="coupon",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("budget_minor", None), ("budget_minor__gte", 0), _connector="OR"),
                        name="coupon_budget_not_negative",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="redemption",
                    constraint=models.UniqueConstraint(
                        fields=("subscription", "position"), name="redemption_position_once"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="redemption",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("used_up_at", None)),
                        fields=("subscription", "coupon"),
                        name="redemption_once_in_force",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="applieddiscount",
                    constraint=models.UniqueConstraint(
                        fields=("charge", "redemption"), name="discount_once_per_charge"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="applieddiscount",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="discount_above_zero"
                    ),
                ),
            ]
        ),
        *(migrations.RunSQL(refuse_changes(table, **how), restore_changes(table)) for table, how in SEALED.items()),
        *(migrations.RunSQL(own_rows(table, rows=rows), take_own_rows_back(table)) for table, rows in READ.items()),
    ]
