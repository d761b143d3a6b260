"""Bills that are held because they are far from the customer's own."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back

HOLD = "invoices_billhold"
# What is judged anew while it is live, and who ends it; what it is about never changes.
COURSE = (
    "invoice_id",
    "charge_on",
    "subtotal_minor",
    "total_minor",
    "reasons",
    "examined_at",
    "alarmed_at",
    "asked_at",
    "asked_by_id",
    "released_at",
    "released_by_id",
    "reason",
    "outcome",
)
# What was ended stays as it was ended; the draft may still be written anew. Only a draft can be held.
ENDED = """
CREATE FUNCTION invoices_billhold_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  kept invoices_billhold;
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.released_at IS NOT NULL THEN
    kept := NEW; kept.invoice_id := OLD.invoice_id;
    IF NOT kept *= OLD THEN
      RAISE EXCEPTION 'invoices_billhold: it was ended before' USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  IF NEW.released_at IS NULL AND NEW.invoice_id IS NOT NULL
     AND EXISTS (SELECT 1 FROM invoices_invoice WHERE id = NEW.invoice_id AND status <> 'draft') THEN
    RAISE EXCEPTION 'invoices_billhold: only a draft can be held' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_billhold_ended BEFORE INSERT OR UPDATE ON invoices_billhold
  FOR EACH ROW EXECUTE FUNCTION invoices_billhold_ended();
"""
UNENDED = "DROP TRIGGER invoices_billhold_ended ON invoices_billhold; DROP FUNCTION invoices_billhold_ended();"
# No draft is issued while it is held, or while the bill that it is to be is held and waits to be written anew.
NOT_ISSUED = """
CREATE FUNCTION invoices_invoice_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM invoices_billhold h
    WHERE h.tenant_id = NEW.tenant_id AND h.released_at IS NULL AND (h.invoice_id = NEW.id OR h.invoice_id IS NULL
      AND (h.seller_id, h.currency, h.pays, h.charge_on, h.origin)
        = (NEW.seller_id, NEW.currency, NEW.pays, NEW.charge_on, NEW.origin))
  ) THEN
    RAISE EXCEPTION 'invoices_invoice: draft % is held and may not be issued', NEW.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_invoice_held BEFORE UPDATE OF status ON invoices_invoice
  FOR EACH ROW WHEN (OLD.status = 'draft' AND NEW.status <> 'draft') EXECUTE FUNCTION invoices_invoice_held();
"""
ISSUED = "DROP TRIGGER invoices_invoice_held ON invoices_invoice; DROP FUNCTION invoices_invoice_held();"

EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")
ENDS = ("Billing operator", "Administrator")


def allow(apps, schema_editor):
    """Let each role see what is held, and those who bill end it."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    wanted = [(role, "view") for role in EVERYBODY] + [(role, "change") for role in ENDS]
    for role, act in wanted:
        kind, _new = content_types.objects.get_or_create(app_label="invoices", model="billhold")
        told = {"name": f"Can {act} {apps.get_model('invoices', 'billhold')._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_billhold", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


def person(name):
    return models.ForeignKey(
        blank=True,
        db_index=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        verbose_name=name,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0032_taken_back"),
        ("tenants", "0009_reasonable"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BillHold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                ("pays", models.CharField(max_length=8, verbose_name="paid")),
                ("charge_on", models.DateField(verbose_name="billing day")),
                ("origin", models.CharField(blank=True, max_length=80)),
                ("subtotal_minor", models.BigIntegerField(verbose_name="subtotal")),
                ("total_minor", models.BigIntegerField(verbose_name="total")),
                ("reasons", models.JSONField(default=list, verbose_name="reasons")),
                ("held_at", models.DateTimeField(verbose_name="held")),
                ("examined_at", models.DateTimeField(verbose_name="examined")),
                ("alarmed_at", models.DateTimeField(blank=True, null=True, verbose_name="alarmed")),
                ("asked_at", models.DateTimeField(blank=True, null=True, verbose_name="asked for")),
                ("released_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[("released", "agreed to"), ("corrected", "corrected")],
                        max_length=9,
                        verbose_name="outcome",
                    ),
                ),
                ("asked_by", person("asked for by")),
                (
                    "invoice",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="invoices.invoice",
                        verbose_name="bill",
                    ),
                ),
                ("released_by", person("by")),
                (
                    "seller",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="tenants.seller",
                        verbose_name="seller",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="tenants.tenant",
                        verbose_name="customer",
                    ),
                ),
            ],
            options={
                "verbose_name": "held bill",
                "verbose_name_plural": "held bills",
                "ordering": ["-held_at", "-pk"],
                "indexes": [
                    models.Index(condition=models.Q(("released_at", None)), fields=["tenant"], name="bill_hold_live")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("released_at", None)), fields=("invoice",), name="bill_hold_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="bill_hold_currency_form"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reasons", []), _negated=True), name="bill_hold_says_why"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["", "released", "corrected"])),
                        name="bill_hold_outcome_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", ""), ("released_at", None), ("released_by", None)),
                            models.Q(
                                ("released_at__isnull", False),
                                models.Q(("outcome", ""), _negated=True),
                                models.Q(
                                    models.Q(("outcome", "released"), _negated=True),
                                    models.Q(("reason", ""), _negated=True),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="bill_hold_ends_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("asked_at", None), ("asked_by", None)),
                            models.Q(("asked_at__isnull", False), ("asked_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="bill_hold_asked_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("asked_by", None),
                            ("released_by", None),
                            models.Q(("released_by", models.F("asked_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="bill_hold_second_person",
                    ),
                ],
            },
        ),
        migrations.RunSQL(refuse_changes(HOLD, only=COURSE), restore_changes(HOLD)),
        migrations.RunSQL(ENDED, UNENDED),
        migrations.RunSQL(NOT_ISSUED, ISSUED),
        migrations.RunSQL(own_rows(HOLD), take_own_rows_back(HOLD)),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
