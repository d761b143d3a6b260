"""Disputes, their evidence and their outcome; what is frozen is neither deducted nor dunned for, and the database says so."""

import django.contrib.postgres.constraints
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tenants.guards import everyone_reads, nobody_reads, own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

INVOICE = "invoices_invoice"
BEFORE = ("status", "paid_minor", "credited_minor", "due_minor", "paid_at", "frozen_minor")
DRAFT = "OLD.status = 'draft'"
COURSE = (
    "state",
    "given_minor",
    "answer_due_on",
    "late_at",
    "answered_at",
    "appeal_until",
    "appeal",
    "appealed_at",
    "appealed_by_id",
    "closed_at",
)
SEALED = {"invoices_dispute": COURSE, "invoices_disputeanswer": (), "invoices_disputeevidence": ()}

# What is frozen of a bill is what its open disputes are about, and never more than is due: asked at the end of each
# transaction that changes either.
FROZEN = """
CREATE FUNCTION invoices_frozen_is_disputed(bill bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  frozen bigint; wanted bigint;
BEGIN
  SELECT i.frozen_minor, least(greatest(i.due_minor, 0), coalesce((
      SELECT sum(d.amount_minor - d.given_minor) FROM invoices_dispute d
      WHERE d.invoice_id = i.id AND d.state IN ('open', 'appealed')), 0))
    INTO frozen, wanted FROM invoices_invoice i WHERE i.id = bill;
  IF frozen <> wanted THEN
    RAISE EXCEPTION 'invoices_invoice: % is frozen of bill %, its disputes freeze %', frozen, bill, wanted
      USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_frozen_is_disputed';
  END IF;
END $$;
CREATE FUNCTION invoices_invoice_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM invoices_frozen_is_disputed(NEW.id);
  RETURN NULL;
END $$;
CREATE FUNCTION invoices_dispute_freezes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM invoices_frozen_is_disputed(NEW.invoice_id);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoice_frozen_is_disputed AFTER UPDATE ON invoices_invoice DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.frozen_minor <> 0 OR OLD.frozen_minor <> 0) EXECUTE FUNCTION invoices_invoice_frozen();
CREATE CONSTRAINT TRIGGER dispute_freezes AFTER INSERT OR UPDATE ON invoices_dispute DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION invoices_dispute_freezes();
"""
UNFROZEN = """
DROP TRIGGER invoice_frozen_is_disputed ON invoices_invoice; DROP TRIGGER dispute_freezes ON invoices_dispute;
DROP FUNCTION invoices_invoice_frozen(); DROP FUNCTION invoices_dispute_freezes();
DROP FUNCTION invoices_frozen_is_disputed(bigint);
"""

# Nobody disputes more than a line, or a bill, came to less what was credited and what was disputed before; what was
# withdrawn may be disputed once more, no oftener: nothing stays frozen for ever.
WITHIN = """
CREATE FUNCTION invoices_dispute_within() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  whole bigint; noted bigint; elsewhere bigint; before int;
BEGIN
  IF NOT EXISTS (SELECT FROM invoices_invoice i WHERE i.id = NEW.invoice_id AND i.tenant_id = NEW.tenant_id
      AND i.seller_id = NEW.seller_id AND i.status IN ('open', 'paid'))
    OR NEW.line_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM invoices_invoiceline l WHERE l.id = NEW.line_id AND l.invoice_id = NEW.invoice_id) THEN
    RAISE EXCEPTION 'invoices_dispute: not a bill or a line of this customer'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'dispute_of_own_bill';
  END IF;
  SELECT count(*) INTO before FROM invoices_dispute d WHERE d.invoice_id = NEW.invoice_id
    AND d.line_id IS NOT DISTINCT FROM NEW.line_id AND d.state = 'withdrawn';
  IF before > 1 THEN
    RAISE EXCEPTION 'invoices_dispute: withdrawn twice before'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'dispute_twice_at_most';
  END IF;
  SELECT i.total_minor - i.credited_minor INTO whole FROM invoices_invoice i WHERE i.id = NEW.invoice_id;
  SELECT coalesce(sum(d.amount_minor - d.given_minor), 0) INTO elsewhere FROM invoices_dispute d
    WHERE d.invoice_id = NEW.invoice_id AND d.state <> 'withdrawn';
  IF NEW.amount_minor > whole - elsewhere THEN
    RAISE EXCEPTION 'invoices_dispute: more than is left of the bill'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'dispute_within_bill';
  END IF;
  IF NEW.line_id IS NOT NULL THEN
    SELECT l.gross_minor INTO whole FROM invoices_invoiceline l WHERE l.id = NEW.line_id;
    SELECT coalesce(sum(n.gross_minor), 0) INTO noted FROM invoices_creditnoteline n WHERE n.line_id = NEW.line_id;
    SELECT coalesce(sum(d.amount_minor - d.given_minor), 0) INTO elsewhere FROM invoices_dispute d
      WHERE d.line_id = NEW.line_id AND d.state <> 'withdrawn';
    IF NEW.amount_minor > whole - noted - elsewhere THEN
      RAISE EXCEPTION 'invoices_dispute: more than is left of the line'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'dispute_within_line';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_dispute_within BEFORE INSERT ON invoices_dispute
  FOR EACH ROW EXECUTE FUNCTION invoices_dispute_within();
CREATE FUNCTION invoices_dispute_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
      ('open', 'answered'), ('open', 'settled'), ('open', 'withdrawn'), ('answered', 'appealed'), ('answered', 'settled'),
      ('appealed', 'settled'))
    OR NEW.state = 'appealed' AND OLD.appealed_at IS NOT NULL AND OLD.state <> 'appealed'
    OR OLD.appealed_at IS NOT NULL AND (NEW.appealed_at, NEW.appeal) IS DISTINCT FROM (OLD.appealed_at, OLD.appeal)
    OR OLD.state IN ('settled', 'withdrawn') AND NEW.state = OLD.state AND NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'invoices_dispute: % may not become % so', OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
  END IF;
  -- Only the customer ends a dispute without an answer, by taking it back.
  IF NEW.state <> OLD.state AND NEW.state IN ('answered', 'settled')
    AND NOT EXISTS (SELECT FROM invoices_disputeanswer WHERE dispute_id = NEW.id) THEN
    RAISE EXCEPTION 'invoices_dispute: nobody answered'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'dispute_over_by_answer';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_dispute_moves BEFORE UPDATE ON invoices_dispute
  FOR EACH ROW EXECUTE FUNCTION invoices_dispute_moves();
"""
ANYHOW = """
DROP TRIGGER invoices_dispute_within ON invoices_dispute; DROP FUNCTION invoices_dispute_within();
DROP TRIGGER invoices_dispute_moves ON invoices_dispute; DROP FUNCTION invoices_dispute_moves();
"""

# Nobody answers his own dispute or appeal, and what is over takes no more evidence.
SIDES = """
CREATE FUNCTION invoices_disputeanswer_by() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM invoices_dispute d WHERE d.id = NEW.dispute_id AND (
      d.state IN ('settled', 'withdrawn') OR d.tenant_id <> NEW.tenant_id
      OR NEW.by_id IN (d.opened_by_id, d.appealed_by_id))) THEN
    RAISE EXCEPTION 'invoices_disputeanswer: it is over, or this is who disputes'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'dispute_answer_of_other_side';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_disputeanswer_by BEFORE INSERT ON invoices_disputeanswer
  FOR EACH ROW EXECUTE FUNCTION invoices_disputeanswer_by();
CREATE FUNCTION invoices_disputeevidence_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM invoices_dispute d WHERE d.id = NEW.dispute_id
      AND (d.state IN ('settled', 'withdrawn') OR d.tenant_id <> NEW.tenant_id)) THEN
    RAISE EXCEPTION 'invoices_disputeevidence: it is over'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'dispute_evidence_in_time';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_disputeevidence_in_time BEFORE INSERT ON invoices_disputeevidence
  FOR EACH ROW EXECUTE FUNCTION invoices_disputeevidence_in_time();
"""
NO_SIDES = """
DROP TRIGGER invoices_disputeanswer_by ON invoices_disputeanswer; DROP FUNCTION invoices_disputeanswer_by();
DROP TRIGGER invoices_disputeevidence_in_time ON invoices_disputeevidence;
DROP FUNCTION invoices_disputeevidence_in_time();
"""

# Nothing frozen is deducted, whoever asks: what is taken without a person at the button, from the balance or by a provider,
# is at most what may be claimed of its bill when it is begun. And nothing is dunned for of which all is frozen.
NOT_TAKEN = """
CREATE FUNCTION invoices_payment_not_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  claimable bigint;
BEGIN
  SELECT total_minor - paid_minor - credited_minor - frozen_minor INTO claimable
    FROM invoices_invoice WHERE id = NEW.invoice_id AND frozen_minor > 0;
  IF claimable IS NOT NULL AND NEW.amount_minor > claimable THEN
    RAISE EXCEPTION 'invoices_payment: % is deducted, % may be claimed', NEW.amount_minor, claimable
      USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_not_of_frozen';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_payment_not_frozen BEFORE INSERT ON invoices_payment FOR EACH ROW
  WHEN (NEW.basis IN ('automatic', 'confirmed') AND NEW.status <> 'failed') EXECUTE FUNCTION invoices_payment_not_frozen();
CREATE FUNCTION invoices_dunningact_not_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM invoices_invoice i WHERE i.id = NEW.invoice_id AND i.frozen_minor > 0 AND i.frozen_minor >= i.due_minor) THEN
    RAISE EXCEPTION 'invoices_dunningact: all that is due of the bill is in dispute'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'dunning_not_of_frozen';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_dunningact_not_frozen BEFORE INSERT ON invoices_dunningact
  FOR EACH ROW EXECUTE FUNCTION invoices_dunningact_not_frozen();
"""
TAKEN = """
DROP TRIGGER invoices_payment_not_frozen ON invoices_payment; DROP FUNCTION invoices_payment_not_frozen();
DROP TRIGGER invoices_dunningact_not_frozen ON invoices_dunningact; DROP FUNCTION invoices_dunningact_not_frozen();
"""

LABELS = ("dispute", "disputeanswer", "disputeevidence", "disputeterms")
EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")
OPERATES = ("change_dispute", "add_disputeanswer", "add_disputeevidence")
ACTS = {"Billing operator": OPERATES, "Administrator": (*OPERATES, "add_disputeterms", "change_disputeterms")}


def allow(apps, schema_editor):
    """Let each role see disputes, those who bill answer them, and administrators keep the terms."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    wanted = [(role, "view", model) for role in EVERYBODY for model in LABELS]
    wanted += [(role, *act.split("_", 1)) for role, acts in ACTS.items() for act in acts]
    for role, act, model in wanted:
        kind, _new = content_types.objects.get_or_create(app_label="invoices", model=model)
        told = {"name": f"Can {act} {apps.get_model('invoices', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0030_budgets"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="DisputeTerms",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "seller",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="dispute_terms",
                                to="tenants.seller",
                                verbose_name="seller",
                            ),
                        ),
                        (
                            "answer_days",
                            models.SmallIntegerField(
                                default=7,
                                help_text="A dispute is answered within so many days.",
                                verbose_name="days to answer",
                            ),
                        ),
                        (
                            "appeal_days",
                            models.SmallIntegerField(
                                default=14,
                                help_text="An answer may be appealed for so many days, once.",
                                verbose_name="days to appeal",
                            ),
                        ),
                        (
                            "grace_days",
                            models.SmallIntegerField(
                                default=5,
                                help_text="So many days after the answer it is due again at the earliest; five or more.",
                                verbose_name="days to pay after an explanation",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "terms of disputes",
                        "verbose_name_plural": "terms of disputes",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("answer_days__gte", 1), ("answer_days__lte", 60)),
                                name="dispute_terms_answer",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("appeal_days__gte", 1), ("appeal_days__lte", 365)),
                                name="dispute_terms_appeal",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("grace_days__gte", 5), ("grace_days__lte", 60)),
                                name="dispute_terms_grace",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Dispute",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="disputes",
                                to="tenants.tenant",
                                verbose_name="customer",
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
                            "invoice",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="disputes",
                                to="invoices.invoice",
                                verbose_name="bill",
                            ),
                        ),
                        (
                            "line",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="disputes",
                                to="invoices.invoiceline",
                                verbose_name="line",
                            ),
                        ),
                        ("starts_on", models.DateField(blank=True, null=True, verbose_name="from")),
                        ("ends_on", models.DateField(blank=True, null=True, verbose_name="until")),
                        ("amount_minor", models.BigIntegerField(verbose_name="in dispute")),
                        ("given_minor", models.BigIntegerField(default=0, verbose_name="given back")),
                        ("reason", models.CharField(max_length=1000, verbose_name="what is wrong")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "waits for an answer"),
                                    ("answered", "answered"),
                                    ("appealed", "appealed"),
                                    ("settled", "settled"),
                                    ("withdrawn", "withdrawn"),
                                ],
                                default="open",
                                max_length=9,
                                verbose_name="state",
                            ),
                        ),
                        ("opened_at", models.DateTimeField(verbose_name="opened")),
                        (
                            "opened_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="opened by",
                            ),
                        ),
                        ("answer_due_on", models.DateField(verbose_name="answered by")),
                        ("late_at", models.DateTimeField(blank=True, null=True, verbose_name="late since")),
                        ("answered_at", models.DateTimeField(blank=True, null=True, verbose_name="answered")),
                        ("appeal_until", models.DateField(blank=True, null=True, verbose_name="appeal until")),
                        ("appeal", models.CharField(blank=True, max_length=1000, verbose_name="appeal")),
                        ("appealed_at", models.DateTimeField(blank=True, null=True, verbose_name="appealed")),
                        (
                            "appealed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="appealed by",
                            ),
                        ),
                        ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed")),
                    ],
                    options={
                        "verbose_name": "dispute",
                        "verbose_name_plural": "disputes",
                        "ordering": ["-opened_at", "-pk"],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state__in", ("open", "appealed"))),
                                fields=["answer_due_on"],
                                name="dispute_to_answer",
                            )
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("amount_minor__gt", 0)), name="dispute_amount_positive"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("given_minor__gte", 0), ("given_minor__lte", models.F("amount_minor"))
                                ),
                                name="dispute_given_within",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["open", "answered", "appealed", "settled", "withdrawn"])
                                ),
                                name="dispute_state_known",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("reason", ""), _negated=True), name="dispute_says_why"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("ends_on", None), ("starts_on", None)),
                                    models.Q(
                                        ("ends_on__gt", models.F("starts_on")),
                                        ("line__isnull", False),
                                        ("starts_on__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="dispute_days_of_line",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state__in", ["answered", "appealed"]), _negated=True),
                                    models.Q(("answered_at__isnull", False), ("appeal_until__isnull", False)),
                                    _connector="OR",
                                ),
                                name="dispute_answered_has_time",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("appeal", ""),
                                        ("appealed_at", None),
                                        models.Q(("state", "appealed"), _negated=True),
                                    ),
                                    models.Q(("appealed_at__isnull", False), models.Q(("appeal", ""), _negated=True)),
                                    _connector="OR",
                                ),
                                name="dispute_appeal_says_why",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("closed_at__isnull", False), ("state__in", ["settled", "withdrawn"])),
                                    models.Q(
                                        models.Q(("state__in", ["settled", "withdrawn"]), _negated=True),
                                        ("closed_at", None),
                                    ),
                                    _connector="OR",
                                ),
                                name="dispute_closed_has_time",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ("open", "appealed"))),
                                fields=("invoice", "line"),
                                name="dispute_one_live",
                                nulls_distinct=False,
                            ),
                            django.contrib.postgres.constraints.ExclusionConstraint(
                                condition=models.Q(("state", "withdrawn"), _negated=True),
                                expressions=[
                                    (
                                        models.Func(
                                            models.F("invoice"),
                                            models.F("invoice"),
                                            models.Value("[]"),
                                            function="int8range",
                                        ),
                                        "&&",
                                    ),
                                    (
                                        models.Func(
                                            models.Func(models.F("line"), models.Value(0), function="coalesce"),
                                            models.Func(models.F("line"), models.Value(0), function="coalesce"),
                                            models.Value("[]"),
                                            function="int8range",
                                        ),
                                        "&&",
                                    ),
                                    (
                                        models.Func(models.F("starts_on"), models.F("ends_on"), function="daterange"),
                                        "&&",
                                    ),
                                ],
                                name="dispute_days_once",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DisputeAnswer",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="dispute_answers",
                                to="tenants.tenant",
                            ),
                        ),
                        (
                            "dispute",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="answers",
                                to="invoices.dispute",
                                verbose_name="dispute",
                            ),
                        ),
                        ("number", models.SmallIntegerField(verbose_name="number")),
                        (
                            "outcome",
                            models.CharField(
                                choices=[("credit", "credited"), ("refund", "refunded"), ("explain", "explained")],
                                max_length=7,
                                verbose_name="outcome",
                            ),
                        ),
                        ("amount_minor", models.BigIntegerField(default=0, verbose_name="given back")),
                        ("text", models.CharField(max_length=2000, verbose_name="answer")),
                        (
                            "credit_note",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="invoices.creditnote",
                                verbose_name="credit note",
                            ),
                        ),
                        (
                            "refund",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="invoices.refund",
                                verbose_name="refund",
                            ),
                        ),
                        ("at", models.DateTimeField(verbose_name="at")),
                        (
                            "by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="by",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "answer to a dispute",
                        "verbose_name_plural": "answers to disputes",
                        "ordering": ["dispute", "number"],
                        "constraints": [
                            models.UniqueConstraint(fields=("dispute", "number"), name="dispute_answer_once"),
                            models.UniqueConstraint(fields=("dispute", "by"), name="dispute_answer_another_person"),
                            models.CheckConstraint(
                                condition=models.Q(("number__gte", 1), ("number__lte", 4)), name="dispute_answer_few"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("outcome__in", ["credit", "refund", "explain"])),
                                name="dispute_answer_outcome_known",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("amount_minor", 0),
                                        ("credit_note", None),
                                        ("outcome", "explain"),
                                        ("refund", None),
                                    ),
                                    models.Q(models.Q(("outcome", "explain"), _negated=True), ("amount_minor__gt", 0)),
                                    _connector="OR",
                                ),
                                name="dispute_answer_gives",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("text", ""), _negated=True), name="dispute_answer_says_why"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DisputeEvidence",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="dispute_evidence",
                                to="tenants.tenant",
                            ),
                        ),
                        (
                            "dispute",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="evidence",
                                to="invoices.dispute",
                                verbose_name="dispute",
                            ),
                        ),
                        (
                            "side",
                            models.CharField(
                                choices=[("customer", "customer"), ("seller", "seller")],
                                max_length=8,
                                verbose_name="side",
                            ),
                        ),
                        ("text", models.CharField(blank=True, max_length=2000, verbose_name="text")),
                        ("file_name", models.CharField(blank=True, max_length=200, verbose_name="file")),
                        ("file_type", models.CharField(blank=True, max_length=40, verbose_name="type")),
                        ("file_sha256", models.CharField(blank=True, max_length=64)),
                        ("at", models.DateTimeField(verbose_name="at")),
                        (
                            "by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="by",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "evidence",
                        "verbose_name_plural": "evidence",
                        "ordering": ["dispute", "pk"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("side__in", ["customer", "seller"])),
                                name="dispute_evidence_side_known",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("file_name", ""),
                                        ("file_sha256", ""),
                                        ("file_type", ""),
                                        models.Q(("text", ""), _negated=True),
                                    ),
                                    models.Q(
                                        ("file_type__in", ["application/pdf", "image/jpeg", "image/png"]),
                                        models.Q(("file_sha256", ""), _negated=True),
                                        models.Q(("file_name", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="dispute_evidence_type_known",
                            ),
                        ],
                    },
                ),
            ]
        ),
        Together(
            [
                migrations.AddField(
                    model_name="invoice",
                    name="due_again_on",
                    field=models.DateField(blank=True, null=True, verbose_name="due again"),
                ),
                migrations.AddConstraint(
                    model_name="invoice",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("due_again_on", None),
                            models.Q(("due_again_on__gte", models.F("due_on")), ("due_on__isnull", False)),
                            _connector="OR",
                        ),
                        name="invoice_due_again_is_later",
                    ),
                ),
                migrations.AddField(
                    model_name="dunningact",
                    name="since",
                    field=models.DateField(blank=True, null=True, verbose_name="counted from"),
                ),
                migrations.RemoveConstraint(model_name="dunningact", name="dunning_act_once"),
                migrations.AddConstraint(
                    model_name="dunningact",
                    constraint=models.UniqueConstraint(
                        fields=("invoice", "since", "day", "verb"), name="dunning_act_once", nulls_distinct=False
                    ),
                ),
            ]
        ),
        migrations.RunSQL(restore_changes(INVOICE), refuse_changes(INVOICE, unless=DRAFT, only=BEFORE)),
        migrations.RunSQL(
            refuse_changes(INVOICE, unless=DRAFT, only=(*BEFORE, "due_again_on")), restore_changes(INVOICE)
        ),
        *(
            migrations.RunSQL(refuse_changes(table, only=only), restore_changes(table))
            for table, only in SEALED.items()
        ),
        migrations.RunSQL(FROZEN, UNFROZEN),
        migrations.RunSQL(WITHIN, ANYHOW),
        migrations.RunSQL(SIDES, NO_SIDES),
        migrations.RunSQL(NOT_TAKEN, TAKEN),
        *(migrations.RunSQL(own_rows(table), take_own_rows_back(table)) for table in SEALED),
        migrations.RunSQL(everyone_reads("invoices_disputeterms"), nobody_reads("invoices_disputeterms")),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
