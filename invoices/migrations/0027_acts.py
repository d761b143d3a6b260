"""Purchases and acts with money that wait for a second person, and who such a person is."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

SEALED = {
    "invoices_purchaserequest": ("state", "decided_by_id", "decided_by_name", "decided_at", "reason"),
    "invoices_operatoract": ("state", "approved_by_id", "approved_by_name", "approved_at", "answer", "made"),
}
# A request begins as one that waits, is decided once, and approved by somebody of the company who may pay.
ANSWERED = """
CREATE FUNCTION invoices_purchaserequest_answered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'waiting' THEN
      RAISE EXCEPTION 'invoices_purchaserequest: it begins as one that waits' USING ERRCODE = 'restrict_violation';
    END IF;
  ELSIF OLD.state <> 'waiting' THEN
    RAISE EXCEPTION 'invoices_purchaserequest: it was decided before' USING ERRCODE = 'restrict_violation';
  ELSIF NEW.state = 'approved' AND NOT EXISTS (
    SELECT 1 FROM tenants_member m WHERE m.tenant_id = NEW.tenant_id AND m.user_id = NEW.decided_by_id
      AND m.role IN ('owner', 'payer')
  ) THEN
    RAISE EXCEPTION 'invoices_purchaserequest: only a member who may pay approves it' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_purchaserequest_answered AFTER INSERT OR UPDATE ON invoices_purchaserequest
  FOR EACH ROW EXECUTE FUNCTION invoices_purchaserequest_answered();
"""
# An act knows the seller's limit, begins without a second person, and is decided once, by an operator; done acts may be reversed.
DECIDED = """
CREATE FUNCTION invoices_operatoract_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('waiting', 'done') OR NEW.approved_by_id IS NOT NULL THEN
      RAISE EXCEPTION 'invoices_operatoract: it begins as one that waits, or below the limit as done'
        USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.limit_minor IS DISTINCT FROM (SELECT act_limit_minor FROM tenants_seller WHERE id = NEW.seller_id) THEN
      RAISE EXCEPTION 'invoices_operatoract: this is not the limit of the seller' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.asked_by_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM tenants_user WHERE id = NEW.asked_by_id AND is_staff) THEN
      RAISE EXCEPTION 'invoices_operatoract: only an operator does it' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END IF;
  IF (OLD.state, NEW.state) = ('done', 'reversed') AND (NEW.approved_by_id, NEW.answer, NEW.made)
    IS NOT DISTINCT FROM (OLD.approved_by_id, OLD.answer, OLD.made) THEN
    RETURN NULL;
  END IF;
  IF OLD.state <> 'waiting' OR NEW.state = 'reversed' THEN
    RAISE EXCEPTION 'invoices_operatoract: it was decided before' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.approved_by_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM tenants_user WHERE id = NEW.approved_by_id AND is_staff AND is_active
  ) THEN
    RAISE EXCEPTION 'invoices_operatoract: only an operator decides' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_operatoract_decided AFTER INSERT OR UPDATE ON invoices_operatoract
  FOR EACH ROW EXECUTE FUNCTION invoices_operatoract_decided();
"""
GUARDS = {"invoices_purchaserequest_answered": ANSWERED, "invoices_operatoract_decided": DECIDED}
TABLES = {"invoices_purchaserequest_answered": "invoices_purchaserequest"} | {
    "invoices_operatoract_decided": "invoices_operatoract"
}

EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")
SEEN = (("invoices", "purchaserequest"), ("invoices", "operatoract"), ("tenants", "auditseal"))
DECIDE = ("Billing operator", "Administrator")


def allow(apps, schema_editor):
    """Let each role see what waits and the seals of the log, and those who bill decide about acts with money."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    wanted = [(role, "view", *which) for role in EVERYBODY for which in SEEN]
    wanted += [(role, act, "invoices", "operatoract") for role in DECIDE for act in ("add", "change")]
    for role, act, app, model in wanted:
        kind, _new = content_types.objects.get_or_create(app_label=app, model=model)
        told = {"name": f"Can {act} {apps.get_model(app, model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0026_agreed"),
        ("tenants", "0007_acts"),
        ("billing", "0018_ledger_seals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="OperatorAct",
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
                                    ("credit", "credit note by hand"),
                                    ("top_up", "balance topped up by hand"),
                                    ("transfer", "transfer recorded by hand"),
                                    ("match", "bank credit matched by hand"),
                                    ("pack", "resource pack granted"),
                                    ("contract", "contract changed for the customer"),
                                    ("take_back", "top-up taken back"),
                                ],
                                max_length=10,
                                verbose_name="kind",
                            ),
                        ),
                        ("target", models.CharField(max_length=120, verbose_name="on")),
                        ("wish", models.JSONField(verbose_name="what was said")),
                        ("key", models.CharField(max_length=80)),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("amount_minor", models.BigIntegerField(blank=True, null=True, verbose_name="amount")),
                        ("limit_minor", models.BigIntegerField(blank=True, null=True, verbose_name="limit")),
                        ("before", models.JSONField(verbose_name="before")),
                        ("after", models.JSONField(verbose_name="after")),
                        ("sha256", models.CharField(max_length=64, verbose_name="hash")),
                        ("reason", models.CharField(max_length=300, verbose_name="reason")),
                        ("asked_by_name", models.CharField(max_length=80, verbose_name="asked for by")),
                        ("asked_at", models.DateTimeField(verbose_name="asked for")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "waits for a second person"),
                                    ("done", "done"),
                                    ("declined", "not approved"),
                                    ("outdated", "no longer as it was shown"),
                                    ("reversed", "reversed"),
                                ],
                                max_length=8,
                                verbose_name="state",
                            ),
                        ),
                        ("approved_by_name", models.CharField(blank=True, max_length=80, verbose_name="decided by")),
                        ("approved_at", models.DateTimeField(blank=True, null=True, verbose_name="decided")),
                        ("answer", models.CharField(blank=True, max_length=300, verbose_name="reason of the decision")),
                        ("made", models.CharField(blank=True, max_length=120, verbose_name="what it made")),
                        (
                            "approved_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="decided by",
                            ),
                        ),
                        (
                            "asked_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="asked for by",
                            ),
                        ),
                        (
                            "reverses",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reversals",
                                to="invoices.operatoract",
                                verbose_name="reverses",
                            ),
                        ),
                        (
                            "seller",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tenants.seller",
                                verbose_name="seller",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="operator_acts",
                                to="tenants.tenant",
                                verbose_name="customer",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "act with money",
                        "verbose_name_plural": "acts with money",
                        "ordering": ["-asked_at", "-pk"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "kind__in",
                                        ["credit", "top_up", "transfer", "match", "pack", "contract", "take_back"],
                                    )
                                ),
                                name="operator_act_kind_known",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["waiting", "done", "declined", "outdated", "reversed"])
                                ),
                                name="operator_act_state_known",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="operator_act_currency_form"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("amount_minor", None), ("amount_minor__gte", 0), _connector="OR"),
                                    models.Q(("limit_minor", None), ("limit_minor__gte", 0), _connector="OR"),
                                ),
                                name="operator_act_amounts",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("reason", ""), _negated=True), name="operator_act_says_why"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state__in", ["done", "reversed"]), _negated=True),
                                    ("limit_minor", None),
                                    models.Q(
                                        ("amount_minor__isnull", False), ("amount_minor__lte", models.F("limit_minor"))
                                    ),
                                    ("approved_by__isnull", False),
                                    _connector="OR",
                                ),
                                name="operator_act_second_person",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state__in", ["done", "reversed"]), _negated=True),
                                    ("approved_by", None),
                                    ("asked_by", None),
                                    models.Q(("approved_by", models.F("asked_by")), _negated=True),
                                    _connector="OR",
                                ),
                                name="operator_act_two_people",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("approved_at", None), ("approved_by", None)),
                                    models.Q(("approved_at__isnull", False), ("approved_by__isnull", False)),
                                    _connector="OR",
                                ),
                                name="operator_act_decided_says_when",
                            ),
                            models.UniqueConstraint(fields=("tenant", "key"), name="operator_act_once"),
                            models.UniqueConstraint(
                                condition=models.Q(("reverses__isnull", False), ("state__in", ["waiting", "done"])),
                                fields=("reverses",),
                                name="operator_act_reversed_once",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PurchaseRequest",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("wish", models.JSONField(verbose_name="what is wished")),
                        ("shown", models.JSONField(verbose_name="what was shown")),
                        ("sha256", models.CharField(max_length=64, verbose_name="hash")),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("total_minor", models.BigIntegerField(verbose_name="to pay at once")),
                        ("yearly_minor", models.BigIntegerField(verbose_name="more in a year")),
                        ("limit_minor", models.BigIntegerField(verbose_name="limit")),
                        ("asked_by_name", models.CharField(max_length=80, verbose_name="asked for by")),
                        ("asked_at", models.DateTimeField(verbose_name="asked for")),
                        ("expires_at", models.DateTimeField(verbose_name="good until")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "waits for a second person"),
                                    ("approved", "approved"),
                                    ("declined", "not approved"),
                                    ("expired", "nobody answered in time"),
                                    ("outdated", "no longer as it was shown"),
                                ],
                                default="waiting",
                                max_length=8,
                                verbose_name="state",
                            ),
                        ),
                        ("decided_by_name", models.CharField(blank=True, max_length=80, verbose_name="decided by")),
                        ("decided_at", models.DateTimeField(blank=True, null=True, verbose_name="decided")),
                        ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                        (
                            "asked_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="asked for by",
                            ),
                        ),
                        (
                            "decided_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="decided by",
                            ),
                        ),
                        (
                            "quote",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="purchase_requests",
                                to="invoices.quote",
                                verbose_name="quote",
                            ),
                        ),
                        (
                            "subscription",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="purchase_requests",
                                to="billing.subscription",
                                verbose_name="subscription",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="purchase_requests",
                                to="tenants.tenant",
                                verbose_name="customer",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "purchase to approve",
                        "verbose_name_plural": "purchases to approve",
                        "ordering": ["-asked_at", "-pk"],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "waiting")),
                                fields=["expires_at"],
                                name="purchase_request_waits",
                            )
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["waiting", "approved", "declined", "expired", "outdated"])
                                ),
                                name="purchase_request_state_known",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                                name="purchase_request_currency_form",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("expires_at__gt", models.F("asked_at")), ("limit_minor__gte", 0)),
                                name="purchase_request_lasts",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("decided_at", None), ("decided_by", None), ("state", "waiting")),
                                    models.Q(
                                        ("decided_at__isnull", False), models.Q(("state", "waiting"), _negated=True)
                                    ),
                                    _connector="OR",
                                ),
                                name="purchase_request_decided_says_when",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "approved"), _negated=True),
                                    models.Q(
                                        ("decided_by__isnull", False),
                                        models.Q(
                                            ("asked_by", None),
                                            models.Q(("decided_by", models.F("asked_by")), _negated=True),
                                            _connector="OR",
                                        ),
                                    ),
                                    _connector="OR",
                                ),
                                name="purchase_request_two_people",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state", "waiting")),
                                fields=("tenant", "subscription", "quote", "sha256"),
                                name="purchase_request_once",
                                nulls_distinct=False,
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
        *(
            migrations.RunSQL(guard, f"DROP TRIGGER {name} ON {TABLES[name]}; DROP FUNCTION {name}();")
            for name, guard in GUARDS.items()
        ),
        *(migrations.RunSQL(own_rows(table), take_own_rows_back(table)) for table in SEALED),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
