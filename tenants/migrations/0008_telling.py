"""How a company is told: preferences, WeCom, what came back."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import tenants.models.companies
import tenants.models.trail
from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
# What no law and no contract needs to be told (tenants.telling.OPTIONAL).
OPTIONAL_KINDS = (
    "allowance_used",
    "balance_low",
    "budget_forecast",
    "budget_used",
    "charge_reminder",
    "gift_lapsing",
    "pack_lapsing",
    "refund_arrived",
)
FREE = ("status", "tries", "next_try_at", "delivered_at")
# A file is added to a notice that waits for it, and to no other.
FILES = """
CREATE FUNCTION tenants_notice_files() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'tenants_notice is sealed: row % keeps its files', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER tenants_notice_files BEFORE UPDATE ON tenants_notice
  FOR EACH ROW WHEN (OLD.status <> 'making' AND NEW.attachments IS DISTINCT FROM OLD.attachments)
  EXECUTE FUNCTION tenants_notice_files();
"""
NO_FILES = "DROP TRIGGER tenants_notice_files ON tenants_notice; DROP FUNCTION tenants_notice_files();"
OWN = ("noticepreference", "wecombot", "opening", "bounce")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0007_acts")]

    operations = [
        Together(
            [
                migrations.AddField(
                    model_name="tenant",
                    name="reminder_days",
                    field=django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(),
                        blank=True,
                        default=tenants.models.companies.reminders,
                        size=None,
                        verbose_name="reminders, days before a deduction",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="tenant",
                    constraint=models.CheckConstraint(
                        condition=Q(("reminder_days__contained_by", [30, 7, 3, 1])), name="tenant_reminder_days_known"
                    ),
                ),
                migrations.AddField(
                    model_name="notice",
                    name="channels",
                    field=django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=8),
                        default=tenants.models.trail.by_mail,
                        size=None,
                        verbose_name="ways",
                    ),
                ),
                migrations.AlterField(
                    model_name="notice",
                    name="status",
                    field=models.CharField(
                        choices=[
                            ("making", "its file is being made"),
                            ("pending", "waiting"),
                            ("delivered", "delivered"),
                            ("failed", "not delivered"),
                            ("off", "switched off, on the page only"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                migrations.RemoveConstraint(model_name="notice", name="notice_status_known"),
                migrations.AddConstraint(
                    model_name="notice",
                    constraint=models.CheckConstraint(
                        condition=Q(("status__in", ["making", "pending", "delivered", "failed", "off"])),
                        name="notice_status_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="notice",
                    constraint=models.CheckConstraint(
                        condition=Q(("channels__contained_by", ["mail", "wecom"])), name="notice_channels_known"
                    ),
                ),
                migrations.AddIndex(
                    model_name="notice",
                    index=models.Index(condition=Q(("status", "making")), fields=["created_at"], name="notice_making"),
                ),
            ]
        ),
        Together(
            [
                migrations.CreateModel(
                    name="NoticePreference",
                    fields=[
                        ("id", ID.clone()),
                        ("kind", models.CharField(max_length=40, verbose_name="kind")),
                        ("mail", models.BooleanField(default=True, verbose_name="by mail")),
                        ("wecom", models.BooleanField(default=True, verbose_name="by WeCom")),
                        ("changed_at", models.DateTimeField(verbose_name="changed")),
                        ("changed_by_name", models.CharField(blank=True, max_length=80, verbose_name="by")),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="preferences",
                                to="tenants.tenant",
                                verbose_name="customer",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "preference of notices",
                        "verbose_name_plural": "preferences of notices",
                        "ordering": ["tenant", "kind"],
                        "constraints": [
                            models.UniqueConstraint(fields=("tenant", "kind"), name="preference_once_per_kind"),
                            models.CheckConstraint(
                                condition=Q(
                                    ("mail", True), ("wecom", True), ("kind__in", OPTIONAL_KINDS), _connector="OR"
                                ),
                                name="preference_keeps_what_is_needed",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WeComBot",
                    fields=[
                        ("id", ID.clone()),
                        ("secret", models.TextField()),
                        ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                        ("set_at", models.DateTimeField(verbose_name="set up")),
                        ("set_by_name", models.CharField(blank=True, max_length=80, verbose_name="by")),
                        (
                            "broken_at",
                            models.DateTimeField(blank=True, null=True, verbose_name="does not work since"),
                        ),
                        (
                            "taken",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.DateTimeField(), default=list, size=None
                            ),
                        ),
                        (
                            "tenant",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="wecom_bot",
                                to="tenants.tenant",
                                verbose_name="customer",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "group in WeCom",
                        "verbose_name_plural": "groups in WeCom",
                        "constraints": [
                            models.CheckConstraint(
                                condition=Q(("fingerprint__regex", "^[0-9a-f]{64}$")),
                                name="wecom_bot_fingerprint_form",
                            ),
                            models.CheckConstraint(
                                condition=Q(("taken__len__lte", 20)), name="wecom_bot_within_its_rate"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Opening",
                    fields=[
                        ("id", ID.clone()),
                        ("by_name", models.CharField(max_length=80, verbose_name="by")),
                        ("at", models.DateTimeField(verbose_name="opened on the page")),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="by",
                            ),
                        ),
                        (
                            "notice",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="openings",
                                to="tenants.notice",
                                verbose_name="notice",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="openings",
                                to="tenants.tenant",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "opening of a notice",
                        "verbose_name_plural": "openings of notices",
                        "constraints": [
                            models.UniqueConstraint(fields=("notice", "by"), name="opening_once_per_person")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Bounce",
                    fields=[
                        ("id", ID.clone()),
                        ("address", models.CharField(max_length=254, verbose_name="address")),
                        ("status", models.CharField(max_length=11, verbose_name="code")),
                        ("reason", models.TextField(blank=True, verbose_name="what the server said")),
                        ("at", models.DateTimeField(verbose_name="came back")),
                        ("seen_at", models.DateTimeField(blank=True, null=True, verbose_name="seen to")),
                        (
                            "delivery",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="bounce",
                                to="tenants.delivery",
                                verbose_name="delivery",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="bounces",
                                to="tenants.tenant",
                                verbose_name="customer",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "mail that came back",
                        "verbose_name_plural": "mails that came back",
                        "ordering": ["-at", "-id"],
                        "indexes": [
                            models.Index(condition=Q(("seen_at", None)), fields=["at"], name="bounce_unseen")
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=Q(("status__regex", "^5\\.[0-9]{1,3}\\.[0-9]{1,3}$")),
                                name="bounce_is_for_good",
                            )
                        ],
                    },
                ),
            ]
        ),
        migrations.RunSQL(restore_changes("tenants_notice"), refuse_changes("tenants_notice", only=FREE)),
        migrations.RunSQL(
            refuse_changes("tenants_notice", only=(*FREE, "attachments")), restore_changes("tenants_notice")
        ),
        migrations.RunSQL(FILES, NO_FILES),
        migrations.RunSQL(refuse_changes("tenants_opening"), restore_changes("tenants_opening")),
        migrations.RunSQL(refuse_changes("tenants_bounce", only=("seen_at",)), restore_changes("tenants_bounce")),
        *(migrations.RunSQL(own_rows(f"tenants_{name}"), take_own_rows_back(f"tenants_{name}")) for name in OWN),
    ]
