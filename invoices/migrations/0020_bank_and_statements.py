"""Tables of corporate transfers and of reconciliation; what was settled stays, and customers see their own rows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

SEALED = {
    "invoices_remittancecode": ("virtual_account",),
    "invoices_knownpayer": ("removed_at", "removed_by_id"),
    "invoices_bankfile": (),
    "invoices_bankcredit": (
        "state",
        "proposals",
        "tenant_id",
        "payment_id",
        "declaration",
        "reason",
        "settled_at",
        "settled_by_id",
    ),
    "invoices_transferclaim": ("state", "credit_id", "reason", "settled_at", "settled_by_id"),
    "invoices_statementfile": (),
    "invoices_statementrow": (
        "state",
        "difference",
        "payment_id",
        "refunded_id",
        "resolution",
        "corrected_minor",
        "reason",
        "asked_by_id",
        "needs_second",
        "resolved_at",
        "resolved_by_id",
    ),
    "invoices_reconciledday": (
        "state",
        "statement_minor",
        "payments_minor",
        "ledger_minor",
        "fees_minor",
        "differences",
        "compared_at",
        "closed_at",
        "closed_by_id",
    ),
}
# What was decided once is decided.
SETTLED = {
    "invoices_bankcredit": "OLD.state IN ('matched', 'returned')",
    "invoices_transferclaim": "OLD.state IN ('matched', 'declined')",
    "invoices_statementrow": "OLD.state = 'resolved'",
    "invoices_reconciledday": "OLD.state = 'closed'",
}
# Of a closed day nothing is added and nothing changes.
CLOSED = """
CREATE FUNCTION invoices_statement_closed(of_seller bigint, of_provider text, of_day date, of_currency text) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT 1 FROM invoices_reconciledday d WHERE d.seller_id = of_seller AND d.provider = of_provider
    AND d.day = of_day AND d.currency = of_currency AND d.state = 'closed')
$$;
CREATE FUNCTION invoices_statementfile_of_closed_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF invoices_statement_closed(NEW.seller_id, NEW.provider, NEW.day, NEW.currency) THEN
    RAISE EXCEPTION 'invoices_statementfile: the day % is closed', NEW.day USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_statementfile_of_closed_day BEFORE INSERT ON invoices_statementfile
  FOR EACH ROW EXECUTE FUNCTION invoices_statementfile_of_closed_day();
CREATE FUNCTION invoices_statementrow_of_closed_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM invoices_statementfile f WHERE f.id = NEW.file_id
      AND invoices_statement_closed(f.seller_id, f.provider, f.day, f.currency)) THEN
    RAISE EXCEPTION 'invoices_statementrow: its day is closed' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_statementrow_of_closed_day BEFORE INSERT OR UPDATE ON invoices_statementrow
  FOR EACH ROW EXECUTE FUNCTION invoices_statementrow_of_closed_day();
"""
OPENED = """
DROP TRIGGER invoices_statementrow_of_closed_day ON invoices_statementrow;
DROP FUNCTION invoices_statementrow_of_closed_day();
DROP TRIGGER invoices_statementfile_of_closed_day ON invoices_statementfile;
DROP FUNCTION invoices_statementfile_of_closed_day();
DROP FUNCTION invoices_statement_closed(bigint, text, date, text);
"""
OWN = ("remittancecode", "knownpayer", "transferclaim")
LABELS = (
    "remittancecode",
    "knownpayer",
    "bankfile",
    "bankcredit",
    "transferclaim",
    "statementfile",
    "statementrow",
    "reconciledday",
)
EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")
OPERATES = (
    "change_remittancecode",
    "add_knownpayer",
    "change_knownpayer",
    "add_bankfile",
    "change_bankcredit",
    "change_transferclaim",
    "add_statementfile",
    "change_statementrow",
    "change_reconciledday",
)
ACTS = {"Billing operator": OPERATES, "Administrator": OPERATES}


def settled(table, when):
    """Return SQL for a trigger that refuses every change of a row once `when` holds of it."""
    return f"""
    CREATE FUNCTION {table}_settled() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF {when} AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION '{table}: it was settled before' USING ERRCODE = 'restrict_violation';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER {table}_settled BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_settled();
    """


def unsettled(table):
    """Return SQL that takes `settled` back."""
    return f"DROP TRIGGER {table}_settled ON {table}; DROP FUNCTION {table}_settled();"


def allow(apps, schema_editor):
    """Let each role see transfers and statements, and those who bill match, answer and reconcile."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    wanted = [(role, "view", model) for role in EVERYBODY for model in LABELS]
    wanted += [(role, *act.split("_", 1)) for role, acts in ACTS.items() for act in acts]
    for role, act, model in wanted:
        kind, _new = content_types.objects.get_or_create(app_label="invoices", model=model)
        told = {"name": f"Can {act} {apps.get_model('invoices', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0019_refunds_asked_together"),
        ("tenants", "0005_refund_limit"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="BankCredit",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("account", models.CharField(max_length=40, verbose_name="our account")),
                        ("line", models.PositiveIntegerField(blank=True, null=True, verbose_name="line")),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("amount_minor", models.BigIntegerField(verbose_name="amount")),
                        ("reference", models.CharField(max_length=64, verbose_name="bank's reference")),
                        ("payer_name", models.CharField(blank=True, max_length=200, verbose_name="payer")),
                        ("payer_account", models.CharField(blank=True, max_length=20, verbose_name="payer's account")),
                        ("payer_account_hash", models.CharField(blank=True, max_length=64)),
                        (
                            "virtual_account",
                            models.CharField(blank=True, max_length=40, verbose_name="virtual account"),
                        ),
                        ("remark", models.CharField(blank=True, max_length=300, verbose_name="remark")),
                        ("received_at", models.DateTimeField(verbose_name="received")),
                        ("recorded_at", models.DateTimeField(verbose_name="recorded")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("unmatched", "not matched"),
                                    ("proposed", "proposed"),
                                    ("matched", "matched"),
                                    ("returned", "returned to the payer"),
                                ],
                                default="unmatched",
                                max_length=9,
                                verbose_name="state",
                            ),
                        ),
                        ("proposals", models.JSONField(blank=True, default=list, verbose_name="proposals")),
                        (
                            "declaration",
                            models.CharField(
                                blank=True, max_length=300, verbose_name="declaration of payment for another"
                            ),
                        ),
                        ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                        ("settled_at", models.DateTimeField(blank=True, null=True, verbose_name="settled")),
                    ],
                    options={
                        "verbose_name": "bank credit",
                        "verbose_name_plural": "bank credits",
                        "ordering": ["-received_at", "-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="BankFile",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("account", models.CharField(max_length=40, verbose_name="our account")),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("file_name", models.CharField(max_length=200, verbose_name="file")),
                        ("sha256", models.CharField(max_length=64, verbose_name="hash")),
                        (
                            "status",
                            models.CharField(
                                choices=[("imported", "imported"), ("refused", "refused: rows with errors")],
                                max_length=8,
                                verbose_name="state",
                            ),
                        ),
                        ("rows", models.PositiveIntegerField(default=0, verbose_name="rows")),
                        ("credits_new", models.PositiveIntegerField(default=0, verbose_name="new credits")),
                        ("known", models.PositiveIntegerField(default=0, verbose_name="known already")),
                        ("debits", models.PositiveIntegerField(default=0, verbose_name="rows that went out")),
                        ("errors", models.JSONField(blank=True, default=list, verbose_name="errors")),
                        ("at", models.DateTimeField(verbose_name="at")),
                    ],
                    options={
                        "verbose_name": "bank statement file",
                        "verbose_name_plural": "bank statement files",
                        "ordering": ["-at", "-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="KnownPayer",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("position", models.PositiveSmallIntegerField()),
                        ("name", models.CharField(max_length=200, verbose_name="payer")),
                        (
                            "declaration",
                            models.CharField(max_length=300, verbose_name="declaration of payment for another"),
                        ),
                        ("added_at", models.DateTimeField(verbose_name="added")),
                        ("removed_at", models.DateTimeField(blank=True, null=True, verbose_name="removed")),
                    ],
                    options={
                        "verbose_name": "known payer",
                        "verbose_name_plural": "known payers",
                    },
                ),
                migrations.CreateModel(
                    name="ReconciledDay",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "provider",
                            models.CharField(
                                choices=[("alipay", "Alipay"), ("wechat", "WeChat Pay"), ("bank", "bank")],
                                max_length=10,
                                verbose_name="provider",
                            ),
                        ),
                        ("day", models.DateField(verbose_name="day")),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        (
                            "state",
                            models.CharField(
                                choices=[("open", "differences"), ("agrees", "agrees"), ("closed", "closed")],
                                default="open",
                                max_length=6,
                                verbose_name="state",
                            ),
                        ),
                        ("statement_minor", models.BigIntegerField(default=0, verbose_name="statement")),
                        ("payments_minor", models.BigIntegerField(default=0, verbose_name="payments and refunds")),
                        ("ledger_minor", models.BigIntegerField(default=0, verbose_name="book")),
                        ("fees_minor", models.BigIntegerField(default=0, verbose_name="fees")),
                        ("differences", models.PositiveIntegerField(default=0, verbose_name="open differences")),
                        ("compared_at", models.DateTimeField(verbose_name="compared")),
                        ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed")),
                    ],
                    options={
                        "verbose_name": "reconciled day",
                        "verbose_name_plural": "reconciled days",
                        "ordering": ["-day", "seller", "provider"],
                    },
                ),
                migrations.CreateModel(
                    name="RemittanceCode",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("code", models.CharField(max_length=8, verbose_name="remittance code")),
                        (
                            "virtual_account",
                            models.CharField(blank=True, max_length=40, verbose_name="virtual account"),
                        ),
                        ("made_at", models.DateTimeField(verbose_name="made")),
                    ],
                    options={
                        "verbose_name": "remittance code",
                        "verbose_name_plural": "remittance codes",
                    },
                ),
                migrations.CreateModel(
                    name="StatementFile",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "provider",
                            models.CharField(
                                choices=[("alipay", "Alipay"), ("wechat", "WeChat Pay"), ("bank", "bank")],
                                max_length=10,
                                verbose_name="provider",
                            ),
                        ),
                        ("day", models.DateField(verbose_name="day")),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("sha256", models.CharField(max_length=64, verbose_name="hash")),
                        ("lines", models.PositiveIntegerField(default=0, verbose_name="lines")),
                        ("fees_minor", models.BigIntegerField(default=0, verbose_name="fees")),
                        ("fetched_at", models.DateTimeField(verbose_name="fetched")),
                    ],
                    options={
                        "verbose_name": "statement of a provider",
                        "verbose_name_plural": "statements of providers",
                        "ordering": ["-day", "-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="StatementRow",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("line", models.PositiveIntegerField(blank=True, null=True, verbose_name="line")),
                        ("reference", models.CharField(blank=True, max_length=80, verbose_name="our number")),
                        (
                            "provider_number",
                            models.CharField(blank=True, max_length=80, verbose_name="number of the provider"),
                        ),
                        ("amount_minor", models.BigIntegerField(verbose_name="amount")),
                        ("fee_minor", models.BigIntegerField(default=0, verbose_name="fee")),
                        ("at", models.DateTimeField(verbose_name="at")),
                        ("refund", models.BooleanField(default=False, verbose_name="went out")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("matched", "agrees"),
                                    ("missing_here", "not here"),
                                    ("missing_there", "not on the statement"),
                                    ("amount_differs", "another amount"),
                                    ("resolved", "resolved"),
                                ],
                                max_length=14,
                                verbose_name="state",
                            ),
                        ),
                        (
                            "difference",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("matched", "agrees"),
                                    ("missing_here", "not here"),
                                    ("missing_there", "not on the statement"),
                                    ("amount_differs", "another amount"),
                                    ("resolved", "resolved"),
                                ],
                                max_length=14,
                                verbose_name="difference",
                            ),
                        ),
                        (
                            "resolution",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("other_day", "stands on another day; nothing is booked"),
                                    ("differences", "booked as a difference"),
                                    ("fees", "booked as a fee"),
                                    ("suspense", "booked as received, payer not known"),
                                ],
                                max_length=11,
                                verbose_name="resolution",
                            ),
                        ),
                        ("corrected_minor", models.BigIntegerField(default=0, verbose_name="corrected by")),
                        ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                        ("needs_second", models.BooleanField(default=False, verbose_name="needs a second person")),
                        ("resolved_at", models.DateTimeField(blank=True, null=True, verbose_name="resolved")),
                    ],
                    options={
                        "verbose_name": "line of a statement",
                        "verbose_name_plural": "lines of statements",
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="TransferClaim",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("key", models.CharField(max_length=64)),
                        ("currency", models.CharField(max_length=3, verbose_name="currency")),
                        ("amount_minor", models.BigIntegerField(verbose_name="amount")),
                        ("paid_on", models.DateField(verbose_name="paid on")),
                        ("payer_name", models.CharField(max_length=200, verbose_name="payer")),
                        (
                            "last_digits",
                            models.CharField(blank=True, max_length=4, verbose_name="last four digits of the account"),
                        ),
                        ("remark", models.CharField(blank=True, max_length=300, verbose_name="remark")),
                        ("receipt_name", models.CharField(blank=True, max_length=200, verbose_name="receipt")),
                        ("receipt_type", models.CharField(blank=True, max_length=20)),
                        ("receipt_sha256", models.CharField(blank=True, max_length=64)),
                        (
                            "state",
                            models.CharField(
                                choices=[("open", "being looked for"), ("matched", "found"), ("declined", "not found")],
                                default="open",
                                max_length=8,
                                verbose_name="state",
                            ),
                        ),
                        ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                        ("made_at", models.DateTimeField(verbose_name="sent")),
                        ("settled_at", models.DateTimeField(blank=True, null=True, verbose_name="settled")),
                    ],
                    options={
                        "verbose_name": "claim of a transfer",
                        "verbose_name_plural": "claims of transfers",
                        "ordering": ["-made_at", "-pk"],
                    },
                ),
            ]
        ),
        Together(
            [
                migrations.AddField(
                    model_name="bankcredit",
                    name="payment",
                    field=models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_credit",
                        to="invoices.payment",
                        verbose_name="payment",
                    ),
                ),
                migrations.AddField(
                    model_name="bankcredit",
                    name="seller",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_credits",
                        to="tenants.seller",
                        verbose_name="seller",
                    ),
                ),
                migrations.AddField(
                    model_name="bankcredit",
                    name="settled_by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                migrations.AddField(
                    model_name="bankcredit",
                    name="tenant",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_credits",
                        to="tenants.tenant",
                        verbose_name="customer",
                    ),
                ),
                migrations.AddField(
                    model_name="bankfile",
                    name="by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                migrations.AddField(
                    model_name="bankfile",
                    name="seller",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.seller",
                        verbose_name="seller",
                    ),
                ),
                migrations.AddField(
                    model_name="bankcredit",
                    name="file",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credits",
                        to="invoices.bankfile",
                        verbose_name="bank statement file",
                    ),
                ),
                migrations.AddField(
                    model_name="knownpayer",
                    name="added_by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                migrations.AddField(
                    model_name="knownpayer",
                    name="removed_by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AddField(
                    model_name="knownpayer",
                    name="tenant",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="known_payers",
                        to="tenants.tenant",
                        verbose_name="customer",
                    ),
                ),
                migrations.AddField(
                    model_name="reconciledday",
                    name="closed_by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                migrations.AddField(
                    model_name="reconciledday",
                    name="seller",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reconciled_days",
                        to="tenants.seller",
                        verbose_name="seller",
                    ),
                ),
                migrations.AddField(
                    model_name="remittancecode",
                    name="seller",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remittance_codes",
                        to="tenants.seller",
                        verbose_name="seller",
                    ),
                ),
                migrations.AddField(
                    model_name="remittancecode",
                    name="tenant",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remittance_codes",
                        to="tenants.tenant",
                        verbose_name="customer",
                    ),
                ),
                migrations.AddField(
                    model_name="statementfile",
                    name="seller",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statement_files",
                        to="tenants.seller",
                        verbose_name="seller",
                    ),
                ),
                migrations.AddField(
                    model_name="statementrow",
                    name="asked_by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="asked for by",
                    ),
                ),
                migrations.AddField(
                    model_name="statementrow",
                    name="file",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rows",
                        to="invoices.statementfile",
                        verbose_name="statement",
                    ),
                ),
                migrations.AddField(
                    model_name="statementrow",
                    name="payment",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statement_rows",
                        to="invoices.payment",
                        verbose_name="payment",
                    ),
                ),
                migrations.AddField(
                    model_name="statementrow",
                    name="refunded",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statement_rows",
                        to="invoices.refund",
                        verbose_name="refund",
                    ),
                ),
                migrations.AddField(
                    model_name="statementrow",
                    name="resolved_by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                migrations.AddField(
                    model_name="transferclaim",
                    name="credit",
                    field=models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="claim",
                        to="invoices.bankcredit",
                        verbose_name="bank credit",
                    ),
                ),
                migrations.AddField(
                    model_name="transferclaim",
                    name="made_by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                migrations.AddField(
                    model_name="transferclaim",
                    name="seller",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfer_claims",
                        to="tenants.seller",
                        verbose_name="seller",
                    ),
                ),
                migrations.AddField(
                    model_name="transferclaim",
                    name="settled_by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AddField(
                    model_name="transferclaim",
                    name="tenant",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfer_claims",
                        to="tenants.tenant",
                        verbose_name="customer",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankfile",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("status", "imported")),
                        fields=("seller", "account", "sha256"),
                        name="bank_file_once",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankfile",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("status__in", ["imported", "refused"])), name="bank_file_status_known"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankfile",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="bank_file_currency_form"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankfile",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "refused"), _negated=True),
                            models.Q(("errors", []), _negated=True),
                            _connector="OR",
                        ),
                        name="bank_file_refused_says_why",
                    ),
                ),
                migrations.AddIndex(
                    model_name="bankcredit",
                    index=models.Index(
                        condition=models.Q(("state__in", ["unmatched", "proposed"])),
                        fields=["id"],
                        name="bank_credit_waiting",
                    ),
                ),
                migrations.AddIndex(
                    model_name="bankcredit",
                    index=models.Index(
                        condition=models.Q(("state", "matched"), models.Q(("payer_account_hash", ""), _negated=True)),
                        fields=["seller", "payer_account_hash"],
                        name="bank_credit_of_payer",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankcredit",
                    constraint=models.UniqueConstraint(
                        fields=("seller", "account", "reference"), name="bank_credit_once"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankcredit",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="bank_credit_amount_positive"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankcredit",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="bank_credit_currency_form"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankcredit",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("state__in", ["unmatched", "proposed", "matched", "returned"])),
                        name="bank_credit_state_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankcredit",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("payment__isnull", False),
                                ("settled_at__isnull", False),
                                ("state", "matched"),
                                ("tenant__isnull", False),
                            ),
                            models.Q(
                                models.Q(("state", "matched"), _negated=True), ("payment", None), ("tenant", None)
                            ),
                            _connector="OR",
                        ),
                        name="bank_credit_matched_is_whole",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankcredit",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "returned"), _negated=True),
                            models.Q(models.Q(("reason", ""), _negated=True), ("settled_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="bank_credit_returned_says_why",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="bankcredit",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("payer_account__regex", "[0-9]{5}"), _negated=True),
                        name="bank_credit_account_masked",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="knownpayer",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("removed_at__isnull", True)),
                        fields=("tenant", "name"),
                        name="known_payer_once",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="knownpayer",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("removed_at__isnull", True)),
                        fields=("tenant", "position"),
                        name="known_payer_position_once",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="knownpayer",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("position__gte", 1), ("position__lte", 5)), name="known_payer_at_most_five"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="knownpayer",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("declaration", ""), _negated=True), models.Q(("name", ""), _negated=True)
                        ),
                        name="known_payer_declared",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="reconciledday",
                    constraint=models.UniqueConstraint(
                        fields=("seller", "provider", "day", "currency"), name="reconciled_day_once"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="reconciledday",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("provider__in", ["alipay", "wechat", "bank"])),
                        name="reconciled_day_provider_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="reconciledday",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="reconciled_day_currency_form"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="reconciledday",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "agrees", "closed"])),
                        name="reconciled_day_state_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="reconciledday",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("state", "open"),
                            models.Q(
                                ("differences", 0),
                                ("ledger_minor", models.F("payments_minor")),
                                ("statement_minor", models.F("payments_minor")),
                            ),
                            _connector="OR",
                        ),
                        name="reconciled_day_agrees",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="reconciledday",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at__isnull", False), ("state", "closed")),
                            models.Q(models.Q(("state", "closed"), _negated=True), ("closed_at", None)),
                            _connector="OR",
                        ),
                        name="reconciled_day_closed_has_time",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="remittancecode",
                    constraint=models.UniqueConstraint(
                        fields=("tenant", "seller"), name="remittance_code_of_customer_once"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="remittancecode",
                    constraint=models.UniqueConstraint(fields=("seller", "code"), name="remittance_code_once"),
                ),
                migrations.AddConstraint(
                    model_name="remittancecode",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("virtual_account", ""), _negated=True),
                        fields=("seller", "virtual_account"),
                        name="remittance_virtual_account_once",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="remittancecode",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("code__regex", "^[34679ABCDEFHJKMNPRTUWXY]{8}$")),
                        name="remittance_code_form",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="remittancecode",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("virtual_account", ""), ("virtual_account__regex", "^[0-9]{6,40}$"), _connector="OR"
                        ),
                        name="remittance_virtual_account_form",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementfile",
                    constraint=models.UniqueConstraint(
                        fields=("seller", "provider", "day", "sha256"), name="statement_file_once"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementfile",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("provider__in", ["alipay", "wechat", "bank"])),
                        name="statement_file_provider_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementfile",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="statement_file_currency_form"
                    ),
                ),
                migrations.AddIndex(
                    model_name="statementrow",
                    index=models.Index(
                        condition=models.Q(("state__in", ["missing_here", "missing_there", "amount_differs"])),
                        fields=["file"],
                        name="statement_row_open",
                    ),
                ),
                migrations.AddIndex(
                    model_name="statementrow",
                    index=models.Index(
                        condition=models.Q(("provider_number", ""), _negated=True),
                        fields=["provider_number"],
                        name="statement_row_number",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.UniqueConstraint(fields=("file", "line"), name="statement_row_line_once"),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("line", None), ("payment__isnull", False)),
                        fields=("payment",),
                        name="statement_row_payment_missing_once",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("line", None), ("refunded__isnull", False)),
                        fields=("refunded",),
                        name="statement_row_refund_missing_once",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="statement_row_amount_positive"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["matched", "missing_here", "missing_there", "amount_differs", "resolved"])
                        ),
                        name="statement_row_state_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("difference", "missing_there"), ("line", None)),
                            models.Q(("line__isnull", False), models.Q(("difference", "missing_there"), _negated=True)),
                            _connector="OR",
                        ),
                        name="statement_row_missing_there_has_no_line",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("difference", ""), ("state", "matched")),
                            models.Q(
                                ("state", "resolved"),
                                models.Q(("difference__in", ["", "matched", "resolved"]), _negated=True),
                            ),
                            models.Q(
                                models.Q(("state__in", ["matched", "resolved"]), _negated=True),
                                ("difference", models.F("state")),
                            ),
                            _connector="OR",
                        ),
                        name="statement_row_says_difference",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("resolved_at__isnull", False),
                                ("state", "resolved"),
                                models.Q(("resolution", ""), _negated=True),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("state", "resolved"), _negated=True),
                                ("corrected_minor", 0),
                                ("resolved_at", None),
                            ),
                            _connector="OR",
                        ),
                        name="statement_row_resolved_says_how",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("resolution__in", ["", "other_day", "differences", "fees", "suspense"])),
                        name="statement_row_resolution_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="statementrow",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("needs_second", False),
                            models.Q(("state", "resolved"), _negated=True),
                            models.Q(
                                ("asked_by__isnull", False),
                                ("resolved_by__isnull", False),
                                models.Q(("asked_by", models.F("resolved_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="statement_row_second_person",
                    ),
                ),
                migrations.AddIndex(
                    model_name="transferclaim",
                    index=models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["seller", "amount_minor"],
                        name="transfer_claim_open",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="transferclaim",
                    constraint=models.UniqueConstraint(fields=("tenant", "key"), name="transfer_claim_once"),
                ),
                migrations.AddConstraint(
                    model_name="transferclaim",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="transfer_claim_amount_positive"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="transferclaim",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="transfer_claim_currency_form"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="transferclaim",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "matched", "declined"])),
                        name="transfer_claim_state_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="transferclaim",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("last_digits", ""), ("last_digits__regex", "^[0-9]{4}$"), _connector="OR"),
                        name="transfer_claim_digits",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="transferclaim",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("credit__isnull", False), ("state", "matched")),
                            models.Q(models.Q(("state", "matched"), _negated=True), ("credit", None)),
                            _connector="OR",
                        ),
                        name="transfer_claim_matched_has_credit",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="transferclaim",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "declined"), _negated=True),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="transfer_claim_declined_says_why",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="transferclaim",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("receipt_name", ""), ("receipt_sha256", ""), ("receipt_type", "")),
                            models.Q(
                                models.Q(("receipt_name", ""), _negated=True),
                                models.Q(("receipt_type", ""), _negated=True),
                                models.Q(("receipt_sha256", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="transfer_claim_receipt_whole",
                    ),
                ),
            ]
        ),
        *(
            migrations.RunSQL(refuse_changes(table, only=only), restore_changes(table))
            for table, only in SEALED.items()
        ),
        *(migrations.RunSQL(settled(table, when), unsettled(table)) for table, when in SETTLED.items()),
        migrations.RunSQL(CLOSED, OPENED),
        *(migrations.RunSQL(own_rows(f"invoices_{name}"), take_own_rows_back(f"invoices_{name}")) for name in OWN),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
