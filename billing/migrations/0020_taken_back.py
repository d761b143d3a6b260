"""Changes that are taken back within the plan's hours."""

import django.contrib.postgres.constraints
import django.db.models.deletion
from django.db import migrations, models

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

UNDONE = models.DateTimeField(blank=True, null=True, verbose_name="taken back")
MARKED = ("formerterms", "chargecredit", "redemption", "applieddiscount", "billingperiod")
# Seals that let the mark of what was taken back through: (as it was, as it is).
SEALS = {
    "billing_formerterms": ({}, {"only": ("undone_at",)}),
    "billing_chargecredit": ({}, {"only": ("undone_at",)}),
    "billing_redemption": ({"only": ("used_up_at",)}, {"only": ("used_up_at", "undone_at")}),
    "billing_applieddiscount": (
        {"unless": "OLD.final_at IS NULL"},
        {"unless": "OLD.final_at IS NULL", "only": ("undone_at",)},
    ),
    "billing_billingperiod": (
        {"only": ("end", "closed_at")},
        {"only": ("end", "closed_at", "undone_at", "reopened_at")},
    ),
}
# What is taken back is of the same contract, and within its time: of a change that of its way back, of a purchase the hours
# of the version that was accepted.
IN_TIME = """
CREATE FUNCTION billing_change_undo_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.undoes_what = 'change' AND NOT EXISTS (
    SELECT 1 FROM billing_wayback w JOIN billing_change c ON c.id = w.change_id
    WHERE c.id = NEW.undoes_id AND c.subscription_id = NEW.subscription_id AND NEW.at >= c.at AND NEW.at < w.until)
  OR NEW.undoes_what = 'purchase' AND NOT EXISTS (
    SELECT 1 FROM billing_subscription s JOIN billing_acceptance a ON a.id = s.acceptance_id
    JOIN billing_planversion v ON v.id = a.version_id
    WHERE s.id = NEW.subscription_id AND NEW.at >= a.at AND NEW.at < a.at + v.undo_hours * interval '1 hour')
  OR NEW.undoes_what = 'renewal' AND NOT EXISTS (
    SELECT 1 FROM billing_subscription s JOIN billing_planversion v ON v.id = s.version_id
    WHERE s.id = NEW.subscription_id AND v.undo_hours > 0 AND s.term_start_on = NEW.undoes_on AND s.terms_done > 0)
  THEN
    RAISE EXCEPTION 'billing_change: % of subscription % cannot be taken back now', NEW.undoes_what, NEW.subscription_id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER billing_change_undo_in_time AFTER INSERT ON billing_change
  FOR EACH ROW WHEN (NEW.kind = 'undo') EXECUTE FUNCTION billing_change_undo_in_time();
"""
ANY_TIME = "DROP TRIGGER billing_change_undo_in_time ON billing_change; DROP FUNCTION billing_change_undo_in_time();"


class Migration(migrations.Migration):
    dependencies = [("billing", "0019_budgets")]

    operations = [
        Together(
            [
                migrations.AlterField(
                    model_name="change",
                    name="kind",
                    field=models.CharField(
                        choices=[
                            ("plan", "change of plan"),
                            ("quantity", "change of quantity"),
                            ("cancel", "cancellation"),
                            ("keep", "withdrawn cancellation or change"),
                            ("pause", "pause"),
                            ("resume", "end of a pause"),
                            ("undo", "taken back"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                migrations.AddField(
                    model_name="change",
                    name="undoes_what",
                    field=models.CharField(
                        blank=True,
                        choices=[("change", "a change"), ("purchase", "the purchase"), ("renewal", "a renewal")],
                        default="",
                        max_length=8,
                        verbose_name="takes back",
                    ),
                    preserve_default=False,
                ),
                migrations.AddField(
                    model_name="change",
                    name="undoes",
                    field=models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undone_by",
                        to="billing.change",
                        verbose_name="takes back",
                    ),
                ),
                migrations.AddField(
                    model_name="change",
                    name="undoes_on",
                    field=models.DateField(blank=True, null=True, verbose_name="renewed on"),
                ),
                migrations.RemoveConstraint(model_name="change", name="change_kind_known"),
                migrations.AddConstraint(
                    model_name="change",
                    constraint=models.CheckConstraint(
                        condition=models.Q(kind__in=["plan", "quantity", "cancel", "keep", "pause", "resume", "undo"]),
                        name="change_kind_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="change",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("kind", "undo"),
                                ("status", "applied"),
                                ("undoes_what__in", ["change", "purchase", "renewal"]),
                            ),
                            models.Q(models.Q(("kind", "undo"), _negated=True), ("undoes_what", "")),
                            _connector="OR",
                        ),
                        name="change_undo_says_what",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="change",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("undoes__isnull", False), ("undoes_on", None), ("undoes_what", "change")),
                            models.Q(("undoes", None), ("undoes_on__isnull", False), ("undoes_what", "renewal")),
                            models.Q(("undoes", None), ("undoes_on", None), ("undoes_what__in", ["", "purchase"])),
                            _connector="OR",
                        ),
                        name="change_undo_names_it",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="change",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("undoes_what", "purchase")),
                        fields=("subscription",),
                        name="change_purchase_undone_once",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="change",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("undoes_what", "renewal")),
                        fields=("subscription", "undoes_on"),
                        name="change_renewal_undone_once",
                    ),
                ),
            ]
        ),
        *(migrations.AddField(model_name=name, name="undone_at", field=UNDONE.clone()) for name in MARKED),
        Together(
            [
                migrations.AddField(
                    model_name="subscription",
                    name="wanted_twice",
                    field=models.BooleanField(db_default=False, default=False, verbose_name="wanted twice"),
                ),
                migrations.AddField(
                    model_name="billingperiod",
                    name="reopened_at",
                    field=models.DateTimeField(blank=True, null=True, verbose_name="opened again"),
                ),
                migrations.AddConstraint(
                    model_name="billingperiod",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("undone_at", None),
                            models.Q(("closed_at__isnull", False), ("end", models.F("start"))),
                            _connector="OR",
                        ),
                        name="period_undone_is_empty",
                    ),
                ),
                migrations.RemoveConstraint(model_name="formerterms", name="former_terms_no_overlap"),
                migrations.AddConstraint(
                    model_name="formerterms",
                    constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("undone_at", None)),
                        expressions=[
                            (
                                models.Func(
                                    models.F("subscription"),
                                    models.F("subscription"),
                                    models.Value("[]"),
                                    function="int8range",
                                ),
                                "&&",
                            ),
                            (models.Func(models.F("since"), models.F("until"), function="tstzrange"), "&&"),
                        ],
                        name="former_terms_no_overlap",
                    ),
                ),
            ]
        ),
        migrations.CreateModel(
            name="WayBack",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("until", models.DateTimeField(verbose_name="can be taken back until")),
                ("before", models.JSONField(verbose_name="before")),
                ("after", models.JSONField(verbose_name="right after")),
                ("charges", models.JSONField(default=list, verbose_name="charges")),
                (
                    "change",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="way_back",
                        to="billing.change",
                        verbose_name="change",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ways_back",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={"verbose_name": "way back", "verbose_name_plural": "ways back"},
        ),
        *(
            migrations.RunSQL(
                restore_changes(table) + refuse_changes(table, **now),
                restore_changes(table) + refuse_changes(table, **was),
            )
            for table, (was, now) in SEALS.items()
        ),
        migrations.RunSQL(refuse_changes("billing_wayback"), restore_changes("billing_wayback")),
        migrations.RunSQL(own_rows("billing_wayback"), take_own_rows_back("billing_wayback")),
        migrations.RunSQL(IN_TIME, ANY_TIME),
    ]
