"""What was settled stays as it is, a payment moves along its states only, and customers see their own rows."""

from django.db import migrations

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back

# What an attempt learns while it is under way; what it was for, and how much, never changes.
COURSE = (
    "status",
    "failure",
    "provider_number",
    "payer_name",
    "pay_address",
    "expires_at",
    "called_at",
    "ask_at",
    "asks",
    "finished_at",
    "received_at",
    "returned_minor",
)
SEALED = {
    "invoices_payment": COURSE,
    "invoices_paymentpart": ("live",),
    "invoices_mandate": (
        "status",
        "provider_number",
        "payer_masked",
        "sign_address",
        "signed_at",
        "ended_at",
        "ended_by",
        "ask_at",
        "asks",
    ),
    "invoices_mandatenotice": ("accepted_at", "debit_from", "debit_until", "failure", "tried_at"),
    "invoices_providermessage": (),
    "invoices_refund": (
        "status",
        "failure",
        "credit_note_id",
        "provider_number",
        "approved_at",
        "approved_by_id",
        "sent_at",
        "ask_at",
        "asks",
        "arrived_at",
        "to",
        "payment_id",
    ),
}
OWN = ("mandate", "mandatenotice", "paymentpart", "refund")

# A payment that was closed here may turn out to be paid at the provider: the money is there, and is booked. Nothing else
# goes back, and what is settled keeps who paid and when.
MOVES = """
CREATE FUNCTION invoices_payment_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
    ('intended', 'unknown'), ('intended', 'succeeded'), ('intended', 'failed'), ('unknown', 'intended'),
    ('unknown', 'succeeded'), ('unknown', 'failed'), ('failed', 'succeeded'), ('succeeded', 'refunded')
  ) OR NEW.status <> OLD.status AND OLD.status = 'failed' AND NEW.method NOT IN ('alipay', 'wechat')
    OR OLD.status IN ('succeeded', 'refunded') AND (
      NEW.received_at <> OLD.received_at OR NEW.provider_number <> OLD.provider_number OR NEW.payer_name <> OLD.payer_name
      OR NEW.returned_minor < OLD.returned_minor
    )
    OR OLD.status NOT IN ('succeeded', 'refunded') AND NEW.returned_minor <> OLD.returned_minor THEN
    RAISE EXCEPTION 'invoices_payment: % may not become % so', OLD.status, NEW.status USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_payment_moves BEFORE UPDATE ON invoices_payment
  FOR EACH ROW EXECUTE FUNCTION invoices_payment_moves();
"""
STAND = "DROP TRIGGER invoices_payment_moves ON invoices_payment; DROP FUNCTION invoices_payment_moves();"

LABELS = ("mandate", "mandatenotice", "paymentpart", "refund", "providermessage", "provideraccount")
EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")
ACTS = {
    "Billing operator": ("add_refund", "change_refund", "change_payment", "change_mandate"),
    "Administrator": (
        "add_refund",
        "change_refund",
        "change_payment",
        "change_mandate",
        "add_provideraccount",
        "change_provideraccount",
    ),
}


def allow(apps, schema_editor):
    """Let each role see money under way, those who bill return it, and administrators keep the accounts at providers."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    wanted = [(role, "view", model) for role in EVERYBODY for model in LABELS]
    wanted += [(role, *act.split("_", 1)) for role, acts in ACTS.items() for act in acts]
    for role, act, model in wanted:
        kind, _new = content_types.objects.get_or_create(app_label="invoices", model=model)
        told = {"name": f"Can {act} {apps.get_model('invoices', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0015_money_in")]

    operations = [
        migrations.RunSQL(restore_changes("invoices_payment"), refuse_changes("invoices_payment")),
        *(
            migrations.RunSQL(refuse_changes(table, only=only), restore_changes(table))
            for table, only in SEALED.items()
        ),
        migrations.RunSQL(MOVES, STAND),
        *(
            migrations.RunSQL(own_rows(f"invoices_{name}"), take_own_rows_back(f"invoices_{name}"))
            for name in OWN
        ),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
