"""Purchases taken back, and doubles that were found."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

PROTECT = django.db.models.deletion.PROTECT
SEALED = {"invoices_withdrawncharge": (), "invoices_duplicateflag": ("state", "settled_at", "by_id")}
# A decision stays.
DECIDED_ONCE = """
CREATE FUNCTION invoices_duplicateflag_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'open' THEN
    RAISE EXCEPTION 'invoices_duplicateflag: row % is decided already', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_duplicateflag_decided_once BEFORE UPDATE ON invoices_duplicateflag
  FOR EACH ROW EXECUTE FUNCTION invoices_duplicateflag_decided_once();
"""
UNDECIDED = (
    "DROP TRIGGER invoices_duplicateflag_decided_once ON invoices_duplicateflag;"
    "DROP FUNCTION invoices_duplicateflag_decided_once();"
)
EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")


def allow(apps, schema_editor):
    """Let each role see doubles and what was withdrawn, and those who bill decide on doubles."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    wanted = [(role, "view", model) for role in EVERYBODY for model in ("duplicateflag", "withdrawncharge")]
    wanted += [(role, "change", "duplicateflag") for role in ("Billing operator", "Administrator")]
    for role, act, model in wanted:
        kind, _new = content_types.objects.get_or_create(app_label="invoices", model=model)
        told = {"name": f"Can {act} {apps.get_model('invoices', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0020_taken_back"),
        ("invoices", "0031_disputes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="WithdrawnCharge",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "change",
                            models.ForeignKey(
                                on_delete=PROTECT,
                                related_name="withdrawn_charges",
                                to="billing.change",
                                verbose_name="taken back",
                            ),
                        ),
                        (
                            "charge",
                            models.OneToOneField(
                                on_delete=PROTECT, related_name="withdrawn", to="billing.charge", verbose_name="charge"
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                db_index=False, on_delete=PROTECT, related_name="withdrawn_charges", to="tenants.tenant"
                            ),
                        ),
                    ],
                    options={"verbose_name": "withdrawn charge", "verbose_name_plural": "withdrawn charges"},
                ),
                migrations.CreateModel(
                    name="DuplicateFlag",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("product", "the same product"),
                                    ("module", "the same module"),
                                    ("payment", "the same payment"),
                                    ("source", "the same usage"),
                                ],
                                max_length=8,
                                verbose_name="kind",
                            ),
                        ),
                        ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                        ("detail", models.JSONField(default=dict, verbose_name="detail")),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("amount_minor", models.BigIntegerField(default=0, verbose_name="amount")),
                        (
                            "state",
                            models.CharField(
                                choices=[("open", "needs a look"), ("kept", "meant so"), ("corrected", "put right")],
                                default="open",
                                max_length=9,
                                verbose_name="state",
                            ),
                        ),
                        ("found_at", models.DateTimeField(verbose_name="found")),
                        ("settled_at", models.DateTimeField(blank=True, null=True, verbose_name="decided")),
                        (
                            "by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="decided by",
                            ),
                        ),
                        (
                            "other",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=PROTECT,
                                related_name="+",
                                to="tenants.tenant",
                                verbose_name="other account",
                            ),
                        ),
                        (
                            "seller",
                            models.ForeignKey(
                                on_delete=PROTECT, related_name="duplicates", to="tenants.seller", verbose_name="seller"
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=PROTECT,
                                related_name="duplicates",
                                to="tenants.tenant",
                                verbose_name="customer",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "possible double",
                        "verbose_name_plural": "possible doubles",
                        "ordering": ["-found_at", "-pk"],
                        "constraints": [
                            models.UniqueConstraint(fields=("fingerprint",), name="duplicate_once"),
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["product", "module", "payment", "source"])),
                                name="duplicate_kind_known",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("amount_minor__gte", 0)), name="duplicate_amount_not_negative"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="duplicate_currency_form"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("by", None), ("settled_at", None), ("state", "open")),
                                    models.Q(("settled_at__isnull", False), ("state__in", ["kept", "corrected"])),
                                    _connector="OR",
                                ),
                                name="duplicate_settled_says_when",
                            ),
                        ],
                    },
                ),
            ]
        ),
        *(
            migrations.RunSQL(refuse_changes(table, only=only), restore_changes(table))
            for table, only in SEALED.items()
        ),
        *(migrations.RunSQL(own_rows(table), take_own_rows_back(table)) for table in SEALED),
        migrations.RunSQL(DECIDED_ONCE, UNDECIDED),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
