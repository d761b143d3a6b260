"""A deduction is covered by its authorisation and its notices, and a charge by an accepted price: held by the database."""

import django.db.models.deletion
from django.db import migrations, models

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

# Which items let a line be deducted: any of them does. `invoices.allowing.items_for` says the same.
ITEMS = """
CREATE FUNCTION invoices_line_items(subscription bigint, kind text, reason text, code text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ARRAY['all', 'subscription:' || subscription]
    || CASE WHEN kind IN ('usage', 'minimum') OR reason IN ('late', 'cap') THEN ARRAY['overage']
            WHEN reason IN ('period', 'correction') THEN ARRAY['renewal'] ELSE '{}'::text[] END
    || CASE WHEN kind = 'module' THEN ARRAY['module:' || code] ELSE '{}'::text[] END
$$;
"""
FORGET_ITEMS = "DROP FUNCTION invoices_line_items(bigint, text, text, text);"

# What a payment was taken by: asked when it is written, before anything is asked of a provider. The authorisation is locked,
# so that a withdrawal waits for the deduction or stops it, and two bills do not share what is left of a month.
COVERED = """
CREATE FUNCTION invoices_payment_covered() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  bill invoices_invoice;
  yes tenants_authorisation;
  contract tenants_authorisation;
  month timestamp;
  taken bigint := 0;
  wrong text;
BEGIN
  SELECT * INTO bill FROM invoices_invoice WHERE id = NEW.invoice_id FOR NO KEY UPDATE;
  IF NEW.mandate_id IS NOT NULL THEN
    SELECT * INTO contract FROM tenants_authorisation
    WHERE id = (SELECT authorisation_id FROM invoices_mandate WHERE id = NEW.mandate_id) FOR NO KEY UPDATE;
    IF contract.withdrawn_at IS NOT NULL THEN wrong := 'its agreement was withdrawn'; END IF;
  END IF;
  IF NEW.authorisation_id IS NULL THEN
    -- A member confirmed it with the price shown: then it is paid in the moment in which its bill is issued.
    IF bill.id IS NULL OR bill.issued_at IS DISTINCT FROM NEW.recorded_at THEN
      wrong := coalesce(wrong, 'nobody confirmed this bill now, and no authorisation is named');
    END IF;
  ELSE
    SELECT * INTO yes FROM tenants_authorisation WHERE id = NEW.authorisation_id FOR NO KEY UPDATE;
    IF bill.id IS NOT NULL AND yes.per_month_minor IS NOT NULL THEN
      month := date_trunc('month', NEW.recorded_at AT TIME ZONE bill.zone);
      SELECT coalesce(sum(amount_minor), 0) INTO taken FROM invoices_payment
      WHERE authorisation_id = yes.id AND id <> NEW.id AND status IN ('intended', 'unknown', 'succeeded')
        AND recorded_at >= month AT TIME ZONE bill.zone
        AND recorded_at < (month + interval '1 month') AT TIME ZONE bill.zone;
    END IF;
    wrong := CASE
      WHEN wrong IS NOT NULL THEN wrong
      WHEN bill.id IS NULL THEN 'it names no bill'
      WHEN (yes.tenant_id, yes.seller_id, yes.currency) <> (NEW.tenant_id, NEW.seller_id, NEW.currency)
        THEN 'the authorisation is of another customer, seller or currency'
      WHEN yes.withdrawn_at IS NOT NULL THEN 'the authorisation was withdrawn'
      WHEN yes.given_at > NEW.recorded_at OR yes.valid_from > NEW.recorded_at OR yes.valid_until <= NEW.recorded_at
        THEN 'the authorisation is not in force at this time'
      WHEN yes.way NOT IN ('any', NEW.method) THEN 'the authorisation is for another way of payment'
      WHEN NEW.mandate_id IS NULL AND EXISTS (SELECT 1 FROM invoices_mandate WHERE authorisation_id = yes.id)
        THEN 'the authorisation is for its agreement only'
      WHEN NEW.mandate_id IS NOT NULL AND contract.scope <> 'renews' AND contract.id <> yes.id
        THEN 'the agreement has an authorisation of its own'
      WHEN NEW.amount_minor > yes.ceiling_minor THEN 'it is above the ceiling of a deduction'
      WHEN taken + NEW.amount_minor > yes.per_month_minor THEN 'it is above the ceiling of the month'
      WHEN EXISTS (
        SELECT 1 FROM invoices_invoiceline l JOIN billing_charge c ON c.id = l.charge_id
        WHERE l.invoice_id = bill.id AND l.amount_minor > 0 AND NOT string_to_array(yes.scope, ',')
          && invoices_line_items(c.subscription_id, l.kind, l.reason, l.code)
      ) THEN 'the authorisation does not cover every line'
    END;
  END IF;
  wrong := CASE
    WHEN wrong IS NOT NULL THEN wrong
    WHEN (bill.tenant_id, bill.seller_id, bill.currency) <> (NEW.tenant_id, NEW.seller_id, NEW.currency)
      THEN 'the bill is of another customer, seller or currency'
    WHEN bill.status <> 'open' THEN 'the bill is not open'
    WHEN NEW.amount_minor > bill.total_minor - bill.paid_minor - bill.credited_minor - bill.frozen_minor
      THEN 'it is more than the bill owes and nobody disputes'
  END;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'invoices_payment: may not be taken, %', wrong
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_is_covered';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_payment_covered AFTER INSERT ON invoices_payment
  FOR EACH ROW WHEN (NEW.basis IN ('automatic', 'confirmed')) EXECUTE FUNCTION invoices_payment_covered();
"""
BARE = "DROP TRIGGER invoices_payment_covered ON invoices_payment; DROP FUNCTION invoices_payment_covered();"

# Each use: of a notice that arrived and whose day has come, and all of them within what it said. Versions of the notice of a
# day's renewals are one announcement. What a provider says later of a payment that had failed is the truth, and is not asked.
WITHIN = """
CREATE FUNCTION invoices_noticeuse_within() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  taken invoices_payment;
  told invoices_chargenotice;
  used bigint;
  wrong text;
BEGIN
  SELECT * INTO told FROM invoices_chargenotice WHERE id = NEW.notice_id FOR NO KEY UPDATE;
  SELECT * INTO taken FROM invoices_payment WHERE id = NEW.payment_id;
  SELECT coalesce(sum(u.amount_minor), 0) INTO used
  FROM invoices_noticeuse u JOIN invoices_payment p ON p.id = u.payment_id
  WHERE (u.notice_id = told.id OR told.of = 'renewal' AND u.notice_id IN (
      SELECT id FROM invoices_chargenotice WHERE (tenant_id, seller_id, currency, pays, due_on, of)
        = (told.tenant_id, told.seller_id, told.currency, told.pays, told.due_on, 'renewal')))
    AND (p.status IN ('intended', 'unknown', 'succeeded') OR p.id = taken.id);
  wrong := CASE
    WHEN taken.basis <> 'automatic' THEN 'only what is deducted by itself uses a notice'
    WHEN (told.tenant_id, told.seller_id, told.currency) <> (taken.tenant_id, taken.seller_id, taken.currency)
      OR NEW.tenant_id <> taken.tenant_id THEN 'the notice is of another customer, seller or currency'
    WHEN (told.pays = 'wallet') <> (taken.method = 'wallet') THEN 'the notice is of another way of payment'
    WHEN told.delivered_at IS NULL THEN 'the notice was not delivered'
    WHEN told.charge_at > taken.recorded_at THEN 'its day has not come'
    WHEN used > told.total_minor THEN 'it is above what was announced'
  END;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'invoices_noticeuse: may not be taken, %', wrong
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'notice_use_within';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_noticeuse_within AFTER INSERT ON invoices_noticeuse
  FOR EACH ROW EXECUTE FUNCTION invoices_noticeuse_within();

CREATE FUNCTION invoices_payment_announced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  said bigint;
  named boolean;
BEGIN
  SELECT coalesce(sum(amount_minor), 0), coalesce(bool_or(notice_id = NEW.notice_id), false) INTO said, named
  FROM invoices_noticeuse WHERE payment_id = NEW.id;
  IF said <> NEW.amount_minor OR NOT named THEN
    RAISE EXCEPTION 'invoices_payment: % was announced of %, which may not be taken', said, NEW.amount_minor
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_is_announced';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoices_payment_announced AFTER INSERT ON invoices_payment DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.basis = 'automatic') EXECUTE FUNCTION invoices_payment_announced();
"""
WITHOUT = """
DROP TRIGGER invoices_payment_announced ON invoices_payment; DROP FUNCTION invoices_payment_announced();
DROP TRIGGER invoices_noticeuse_within ON invoices_noticeuse; DROP FUNCTION invoices_noticeuse_within();
"""

# Once a statement, also for rows that are copied in: a charge has a price of a version that its customer accepted for this
# contract, now or before a change. Without a price is only what was agreed as the least of a period, and what gives back.
AGREED = """
CREATE FUNCTION billing_charge_agreed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong bigint;
BEGIN
  SELECT c.id INTO wrong FROM fresh c
  JOIN billing_subscription s ON s.id = c.subscription_id
  JOIN billing_acceptance a ON a.id = c.acceptance_id
  LEFT JOIN billing_price p ON p.id = c.price_id
  WHERE (c.tenant_id, c.tenant_id, c.seller_id, c.currency) <> (s.tenant_id, a.tenant_id, s.seller_id, s.currency)
    OR a.id <> s.acceptance_id AND NOT EXISTS (
      SELECT 1 FROM billing_formerterms t WHERE t.subscription_id = s.id AND t.acceptance_id = a.id)
    OR p.version_id <> a.version_id AND NOT EXISTS (
      SELECT 1 FROM billing_formerterms t WHERE t.subscription_id = s.id AND t.version_id = p.version_id)
    -- A cap may take back what it took off, and no more (billing_charge_cap_gives).
    OR p.id IS NULL AND c.amount_minor > 0 AND (c.kind, c.reason) <> ('cap', 'cap')
      AND (c.kind <> 'minimum' OR s.minimum_minor IS NULL AND NOT EXISTS (
      SELECT 1 FROM billing_planversion v WHERE v.id = a.version_id AND v.minimum_minor IS NOT NULL) AND NOT EXISTS (
      SELECT 1 FROM billing_formerterms t WHERE t.subscription_id = s.id AND t.minimum_minor IS NOT NULL))
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'billing_charge: row % has no price that this customer accepted for this contract', wrong
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'charge_is_agreed';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER billing_charge_agreed AFTER INSERT ON billing_charge
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION billing_charge_agreed();
"""
ANYTHING = "DROP TRIGGER billing_charge_agreed ON billing_charge; DROP FUNCTION billing_charge_agreed();"
USE = "invoices_noticeuse"


def allow(apps, schema_editor):
    """Let each role see which notice a deduction took up."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    kind, _new = content_types.objects.get_or_create(app_label="invoices", model="noticeuse")
    told = {"name": "Can view use of a notice"}
    may, _new = permissions.objects.get_or_create(content_type=kind, codename="view_noticeuse", defaults=told)
    for role in ("Viewer", "Catalogue editor", "Billing operator", "Administrator"):
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0025_frozen"),
        ("tenants", "0006_authorisations"),
        ("billing", "0018_ledger_seals"),
    ]

    operations = [
        migrations.CreateModel(
            name="NoticeUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount_minor", models.BigIntegerField(verbose_name="amount")),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uses",
                        to="invoices.chargenotice",
                        verbose_name="notice",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uses",
                        to="invoices.payment",
                        verbose_name="payment",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notice_uses",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={"verbose_name": "use of a notice", "verbose_name_plural": "uses of notices"},
        ),
        Together(
            [
                migrations.AddConstraint(
                    model_name="noticeuse",
                    constraint=models.UniqueConstraint(fields=("payment", "notice"), name="notice_use_once"),
                ),
                migrations.AddConstraint(
                    model_name="noticeuse",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="notice_use_positive"
                    ),
                ),
                migrations.AddIndex(
                    model_name="payment",
                    index=models.Index(
                        condition=models.Q(("authorisation__isnull", False)),
                        fields=["authorisation", "recorded_at"],
                        name="payment_of_authorisation",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="payment",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("basis", "automatic"), _negated=True), ("invoice__isnull", False), _connector="OR"
                        ),
                        name="payment_automatic_is_of_a_bill",
                    ),
                ),
            ]
        ),
        migrations.RunSQL(refuse_changes(USE), restore_changes(USE)),
        migrations.RunSQL(own_rows(USE), take_own_rows_back(USE)),
        migrations.RunSQL(ITEMS, FORGET_ITEMS),
        migrations.RunSQL(COVERED, BARE),
        migrations.RunSQL(WITHIN, WITHOUT),
        migrations.RunSQL(AGREED, ANYTHING),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
