"""A bill begins as a draft, is issued over the sums of its lines, and changes its state as the table of transitions says."""

from django.db import migrations, models

# One check a statement. A draft is discarded, or issued: open, or paid when it comes to nothing.
RIGHT = """
CREATE FUNCTION invoices_invoice_begins_as_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM fresh WHERE status <> 'draft') THEN
    RAISE EXCEPTION 'invoices_invoice: a bill begins as a draft' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_invoice_begins_as_draft AFTER INSERT ON invoices_invoice
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION invoices_invoice_begins_as_draft();

CREATE FUNCTION invoices_invoice_right() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM fresh JOIN stale USING (id) WHERE fresh.status <> stale.status AND (stale.status, fresh.status) NOT IN (
      ('draft', 'open'), ('draft', 'paid'), ('open', 'paid'), ('open', 'void'), ('open', 'uncollectible'),
      ('paid', 'open'), ('paid', 'void'), ('uncollectible', 'paid'), ('uncollectible', 'void'))
  ) THEN
    RAISE EXCEPTION 'invoices_invoice: no bill goes from this state to that one' USING ERRCODE = 'restrict_violation';
  END IF;
  IF EXISTS (
    SELECT 1 FROM fresh WHERE status = 'paid' AND due_minor <> 0 OR status = 'void' AND total_minor <> credited_minor
  ) THEN
    RAISE EXCEPTION 'invoices_invoice: a paid bill owes nothing, a void one is credited whole' USING ERRCODE = 'restrict_violation';
  END IF;
  IF EXISTS (
    SELECT 1 FROM fresh JOIN stale USING (id) CROSS JOIN LATERAL (
      SELECT coalesce(sum(amount_minor), 0) AS subtotal, coalesce(sum(discount_minor), 0) AS discount,
        coalesce(sum(tax_minor), 0) AS tax, coalesce(sum(gross_minor), 0) AS total
      FROM invoices_invoiceline WHERE invoice_id = fresh.id) said
    WHERE stale.status = 'draft' AND fresh.status <> 'draft'
      AND (fresh.subtotal_minor, fresh.discount_minor, fresh.tax_minor, fresh.total_minor)
        <> (said.subtotal, said.discount, said.tax, said.total)
  ) THEN
    RAISE EXCEPTION 'invoices_invoice: a bill is issued over the sums of its lines' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_invoice_right AFTER UPDATE ON invoices_invoice
  REFERENCING NEW TABLE AS fresh OLD TABLE AS stale FOR EACH STATEMENT EXECUTE FUNCTION invoices_invoice_right();
"""
UNDO = """
DROP TRIGGER invoices_invoice_right ON invoices_invoice; DROP FUNCTION invoices_invoice_right();
DROP TRIGGER invoices_invoice_begins_as_draft ON invoices_invoice; DROP FUNCTION invoices_invoice_begins_as_draft();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0006_fewer_indexes")]

    operations = [
        migrations.RunSQL(RIGHT, UNDO),
        migrations.AlterField(
            model_name="billingrun",
            name="status",
            field=models.CharField(
                choices=[("running", "running"), ("done", "done"), ("stopped", "stopped before its end")],
                default="running",
                max_length=8,
                verbose_name="state",
            ),
        ),
    ]
