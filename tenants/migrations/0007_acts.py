"""Acts with money that need a second person, and the chain over the audit log."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

# What is sealed stays under its seal.
STAYS = """
CREATE FUNCTION tenants_auditentry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'tenants_auditentry is sealed: row % keeps its seal', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER tenants_auditentry_stays BEFORE UPDATE ON tenants_auditentry
  FOR EACH ROW WHEN (OLD.seal_id IS NOT NULL AND NEW.seal_id IS DISTINCT FROM OLD.seal_id)
  EXECUTE FUNCTION tenants_auditentry_stays();
"""
GOES = "DROP TRIGGER tenants_auditentry_stays ON tenants_auditentry; DROP FUNCTION tenants_auditentry_stays();"
# A customer sees the links that hold entries of his own; the policy of the log itself says which these are.
HIS_SEALS = "id IN (SELECT seal_id FROM tenants_auditentry)"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0006_authorisations")]

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField(unique=True, verbose_name="number")),
                ("count", models.IntegerField(verbose_name="entries")),
                ("rows", models.BinaryField()),
                ("previous", models.CharField(blank=True, max_length=64, verbose_name="hash before")),
                ("sha256", models.CharField(max_length=64, verbose_name="hash")),
                ("at", models.DateTimeField(verbose_name="at")),
            ],
            options={
                "verbose_name": "seal of the audit log",
                "verbose_name_plural": "seals of the audit log",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("number", 1), ("previous", ""))
                        | Q(("number__gt", 1), Q(("previous", ""), _negated=True)),
                        name="audit_seal_first_has_none_before",
                    ),
                    models.CheckConstraint(condition=Q(("count__gt", 0)), name="audit_seal_holds_something"),
                ],
            },
        ),
        Together(
            [
                migrations.AddField(
                    model_name="auditentry",
                    name="seal",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="tenants.auditseal",
                        verbose_name="seal",
                    ),
                ),
                migrations.AddIndex(
                    model_name="auditentry",
                    index=models.Index(condition=Q(("seal", None)), fields=["id"], name="audit_unsealed"),
                ),
                migrations.AddIndex(
                    model_name="auditentry",
                    index=models.Index(condition=Q(("seal__isnull", False)), fields=["seal"], name="audit_of_seal"),
                ),
                migrations.AddField(
                    model_name="seller",
                    name="act_limit_minor",
                    field=models.BigIntegerField(
                        blank=True,
                        help_text="In the smallest unit of the currency: 100000 is 1,000.00. Empty: none needs one.",
                        null=True,
                        verbose_name="acts with money by hand above this need a second person",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="seller",
                    constraint=models.CheckConstraint(
                        condition=Q(("act_limit_minor", None), ("act_limit_minor__gte", 0), _connector="OR"),
                        name="seller_act_limit_not_negative",
                    ),
                ),
                migrations.AddField(
                    model_name="tenant",
                    name="purchase_limit_minor",
                    field=models.BigIntegerField(
                        blank=True, editable=False, null=True, verbose_name="purchases above this need a second member"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="tenant",
                    constraint=models.CheckConstraint(
                        condition=Q(("purchase_limit_minor", None), ("purchase_limit_minor__gte", 0), _connector="OR"),
                        name="tenant_purchase_limit_not_negative",
                    ),
                ),
            ]
        ),
        migrations.RunSQL(refuse_changes("tenants_auditseal"), restore_changes("tenants_auditseal")),
        migrations.RunSQL(restore_changes("tenants_auditentry"), refuse_changes("tenants_auditentry")),
        migrations.RunSQL(
            refuse_changes("tenants_auditentry", only=("seal_id",)), restore_changes("tenants_auditentry")
        ),
        migrations.RunSQL(STAYS, GOES),
        migrations.RunSQL(own_rows("tenants_auditseal", rows=HIS_SEALS), take_own_rows_back("tenants_auditseal")),
    ]
