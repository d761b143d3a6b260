"""Issued documents and payments are sealed, settlement agrees with its causes, and customers' reads see their own rows only."""

from django.db import migrations

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back

SETTLEMENT = ("status", "paid_minor", "credited_minor", "due_minor", "paid_at")
DRAFT_LINE = "(SELECT status FROM invoices_invoice WHERE id = OLD.invoice_id) = 'draft'"
SEALED = {
    "invoices_invoice": {"unless": "OLD.status = 'draft'", "only": SETTLEMENT},
    "invoices_invoiceline": {"unless": DRAFT_LINE, "only": ("credited_minor",)},
    "invoices_creditnote": {},
    "invoices_creditnoteline": {},
    "invoices_payment": {},
    "invoices_allocation": {},
    "invoices_document": {},
}
OWN = ["invoice", "invoiceline", "creditnote", "creditnoteline", "payment", "allocation", "document"]

INTO_DRAFT = """
CREATE FUNCTION invoices_invoiceline_into_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM fresh JOIN invoices_invoice i ON i.id = fresh.invoice_id WHERE i.status <> 'draft') THEN
    RAISE EXCEPTION 'invoices_invoiceline: only a draft takes new lines' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_invoiceline_into_draft AFTER INSERT ON invoices_invoiceline
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION invoices_invoiceline_into_draft();
"""

# Only allocations and credit notes move an issued invoice's settlement: at commit the columns must say what those say.
SETTLED = """
CREATE FUNCTION invoices_invoice_settled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  paid bigint; credited bigint; returned bigint;
BEGIN
  SELECT coalesce(sum(amount_minor), 0) INTO paid FROM invoices_allocation WHERE invoice_id = NEW.id;
  SELECT coalesce(sum(total_minor - returned_minor), 0), coalesce(sum(returned_minor), 0) INTO credited, returned
    FROM invoices_creditnote WHERE invoice_id = NEW.id;
  IF NOT EXISTS (
    SELECT 1 FROM invoices_invoice
    WHERE id = NEW.id AND paid_minor = paid - returned AND credited_minor = credited + returned
  ) THEN
    RAISE EXCEPTION 'invoices_invoice: settlement of % must come from allocations and credit notes', NEW.number
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoices_invoice_settled AFTER UPDATE OF paid_minor, credited_minor ON invoices_invoice
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.paid_minor <> NEW.paid_minor OR OLD.credited_minor <> NEW.credited_minor)
  EXECUTE FUNCTION invoices_invoice_settled();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0002_initial"), ("billing", "0003_guards")]

    operations = [
        *(migrations.RunSQL(refuse_changes(table, **how), restore_changes(table)) for table, how in SEALED.items()),
        migrations.RunSQL(
            INTO_DRAFT,
            "DROP TRIGGER invoices_invoiceline_into_draft ON invoices_invoiceline; DROP FUNCTION invoices_invoiceline_into_draft()",
        ),
        migrations.RunSQL(
            SETTLED, "DROP TRIGGER invoices_invoice_settled ON invoices_invoice; DROP FUNCTION invoices_invoice_settled()"
        ),
        *(migrations.RunSQL(own_rows(f"invoices_{t}"), take_own_rows_back(f"invoices_{t}")) for t in OWN),
    ]
