"""Published prices, charges and the book are sealed; customers' reads see their own rows only."""

from django.db import migrations

from tenants.guards import (
    CURRENT,
    everyone_reads,
    nobody_reads,
    own_rows,
    refuse_changes,
    restore_changes,
    take_own_rows_back,
)

DRAFT = {
    "billing_price": "(SELECT status FROM billing_planversion WHERE id = {row}.version_id) = 'draft'",
    "billing_pricelistentry": "(SELECT status FROM billing_pricelist WHERE id = {row}.price_list_id) = 'draft'",
}
SEALED = {
    "billing_planversion": {"unless": "OLD.status = 'draft'", "only": ("status",)},
    "billing_pricelist": {"unless": "OLD.status = 'draft'", "only": ("status",)},
    **{table: {"unless": rule.format(row="OLD")} for table, rule in DRAFT.items()},
    "billing_acceptance": {},
    "billing_negotiatedprice": {},
    "billing_subscriptionitem": {"only": ("during",)},
    "billing_billingperiod": {"only": ("end", "closed_at")},
    "billing_charge": {"only": ("taken_at",)},
    "billing_account": {},
    "billing_ledgertransaction": {},
    "billing_posting": {},
}
OWN = ["acceptance", "negotiatedprice", "account", "ledgertransaction", "posting"]
PAID = f"tenant_id = {CURRENT} OR payer_id = {CURRENT}"
OF_SUBSCRIPTION = "subscription_id IN (SELECT id FROM billing_subscription)"
READ = {
    "billing_subscription": PAID,
    "billing_charge": PAID,
    "billing_subscriptionitem": OF_SUBSCRIPTION,
    "billing_billingperiod": OF_SUBSCRIPTION,
    "billing_planversion": "status <> 'draft'",
    "billing_price": "version_id IN (SELECT id FROM billing_planversion)",
    "billing_pricelist": f"status <> 'draft' AND group_id = (SELECT group_id FROM tenants_tenant WHERE id = {CURRENT})",
    "billing_pricelistentry": "price_list_id IN (SELECT id FROM billing_pricelist)",
}


def only_into_draft(table: str, rule: str) -> str:
    """Return SQL for a trigger that refuses new rows of a published parent."""
    return f"""
    CREATE FUNCTION {table}_into_draft() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF {rule.format(row="NEW")} THEN RETURN NEW; END IF;
      RAISE EXCEPTION '{table}: only a draft takes new rows' USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE TRIGGER {table}_into_draft BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_into_draft();
    """


# One check a statement: `ledger.post` writes all postings of its transactions in one, so each statement balances.
BALANCE = """
CREATE FUNCTION billing_posting_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM fresh GROUP BY transaction_id HAVING sum(amount_minor) <> 0) THEN
    RAISE EXCEPTION 'billing_posting: the postings of a transaction must sum to zero' USING ERRCODE = 'restrict_violation';
  END IF;
  IF EXISTS (
    SELECT 1 FROM fresh p JOIN billing_ledgertransaction t ON t.id = p.transaction_id JOIN billing_account a ON a.id = p.account_id
    WHERE a.seller_id <> t.seller_id OR a.currency <> t.currency
  ) THEN
    RAISE EXCEPTION 'billing_posting: account and transaction must share seller and currency' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER billing_posting_balanced AFTER INSERT ON billing_posting
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION billing_posting_balanced();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_initial"), ("tenants", "0002_guards")]

    operations = [
        *(migrations.RunSQL(refuse_changes(table, **how), restore_changes(table)) for table, how in SEALED.items()),
        *(
            migrations.RunSQL(
                only_into_draft(table, rule), f"DROP TRIGGER {table}_into_draft ON {table}; DROP FUNCTION {table}_into_draft()"
            )
            for table, rule in DRAFT.items()
        ),
        migrations.RunSQL(
            BALANCE, "DROP TRIGGER billing_posting_balanced ON billing_posting; DROP FUNCTION billing_posting_balanced()"
        ),
        *(migrations.RunSQL(own_rows(f"billing_{t}"), take_own_rows_back(f"billing_{t}")) for t in OWN),
        *(migrations.RunSQL(own_rows(t, rows=rows), take_own_rows_back(t)) for t, rows in READ.items()),
        *(migrations.RunSQL(everyone_reads(t), nobody_reads(t)) for t in ("billing_family", "billing_plan")),
    ]
