"""The lots of a wallet come to its balance, only what is left of one changes, and customers see their own; what was
booked before is played again, so that balances that are there already have their lots."""

from django.db import migrations

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back

SEALED = {"billing_walletlot": ("left_minor",), "billing_lotuse": ()}
# Asked at commit, for a posting moves the wallet first and then its lots.
AGREE = """
CREATE FUNCTION billing_wallet_is_its_lots() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  asked bigint;
BEGIN
  IF TG_TABLE_NAME = 'billing_wallet' THEN asked := NEW.id; ELSE asked := NEW.wallet_id; END IF;
  IF EXISTS (
    SELECT 1 FROM billing_wallet w CROSS JOIN LATERAL (
      SELECT coalesce(sum(left_minor) FILTER (WHERE kind = 'paid'), 0) AS paid,
        coalesce(sum(left_minor) FILTER (WHERE kind = 'gift'), 0) AS gift
      FROM billing_walletlot WHERE wallet_id = w.id) l
    WHERE w.id = asked AND (w.paid_minor <> l.paid OR w.gift_minor <> l.gift)
  ) THEN
    RAISE EXCEPTION 'billing_wallet: the lots of wallet % do not come to its balance', asked
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_wallet_is_its_lots AFTER INSERT OR UPDATE OF paid_minor, gift_minor ON billing_wallet
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_wallet_is_its_lots();
CREATE CONSTRAINT TRIGGER billing_walletlot_in_wallet AFTER INSERT OR UPDATE OF left_minor ON billing_walletlot
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_wallet_is_its_lots();
"""
DISAGREE = """
DROP TRIGGER billing_walletlot_in_wallet ON billing_walletlot; DROP TRIGGER billing_wallet_is_its_lots ON billing_wallet;
DROP FUNCTION billing_wallet_is_its_lots();
"""
# What `billing.lots` does, one posting after the other: a credit makes a lot, a debit uses the oldest ones. No gift lapsed yet.
REPLAY = """
DO $$
DECLARE
  moved record;
  lot record;
  rest bigint;
  part bigint;
BEGIN
  FOR moved IN
    SELECT w.id AS wallet_id, w.tenant_id, CASE a.kind WHEN 'wallet' THEN 'paid' ELSE 'gift' END AS kind,
      -sum(p.amount_minor) AS amount, t.source, t.source_id, t.kind AS cause, t.at
    FROM billing_posting p JOIN billing_account a ON a.id = p.account_id
    JOIN billing_ledgertransaction t ON t.id = p.transaction_id
    JOIN billing_wallet w ON (w.tenant_id, w.seller_id, w.currency) = (a.tenant_id, a.seller_id, a.currency)
    WHERE a.kind IN ('wallet', 'wallet_gift') GROUP BY w.id, a.kind, t.id ORDER BY t.id
  LOOP
    IF moved.amount > 0 THEN
      INSERT INTO billing_walletlot (tenant_id, wallet_id, kind, amount_minor, left_minor, source, source_id, cause, at)
      VALUES (moved.tenant_id, moved.wallet_id, moved.kind, moved.amount, moved.amount, moved.source, moved.source_id,
        moved.cause, moved.at);
    END IF;
    rest := -moved.amount;
    FOR lot IN
      SELECT id, left_minor FROM billing_walletlot WHERE wallet_id = moved.wallet_id AND kind = moved.kind AND left_minor > 0
      ORDER BY at, id
    LOOP
      EXIT WHEN rest <= 0;
      part := least(rest, lot.left_minor);
      rest := rest - part;
      UPDATE billing_walletlot SET left_minor = left_minor - part WHERE id = lot.id;
      INSERT INTO billing_lotuse (tenant_id, lot_id, source, source_id, cause, amount_minor, at)
      VALUES (moved.tenant_id, lot.id, moved.source, moved.source_id, moved.cause, -part, moved.at);
    END LOOP;
  END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0016_wallet_lots")]

    operations = [
        *(migrations.RunSQL(refuse_changes(t, only=only), restore_changes(t)) for t, only in SEALED.items()),
        *(migrations.RunSQL(own_rows(t), take_own_rows_back(t)) for t in SEALED),
        migrations.RunSQL(AGREE, DISAGREE),
        # Last, because a table with rows that wait for their check takes no trigger.
        migrations.RunSQL(REPLAY, migrations.RunSQL.noop),
    ]
