"""A sent quote is sealed but for its answer, which is given once; customers see their own; operators' roles see and write them."""

from django.db import migrations

from tenants.guards import CURRENT, own_rows, refuse_changes, restore_changes, take_own_rows_back

ANSWER = (
    "status",
    "answered_at",
    "answered_by_id",
    "answered_by_name",
    "answered_from",
    "reason",
    "shown_text",
    "shown_sha256",
    "subscription_id",
)
RIGHT = """
CREATE FUNCTION invoices_quote_right() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' AND NEW.status <> 'draft' THEN
    RAISE EXCEPTION 'invoices_quote: a quote begins as a draft' USING ERRCODE = 'restrict_violation';
  END IF;
  IF TG_OP = 'UPDATE' AND NOT (NEW *= OLD) AND (OLD.status, NEW.status) NOT IN (
    ('draft', 'draft'), ('draft', 'sent'), ('sent', 'accepted'), ('sent', 'declined'), ('sent', 'withdrawn'),
    ('sent', 'expired')
  ) THEN
    RAISE EXCEPTION 'invoices_quote: an answer is given once, to a quote that was sent' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_quote_right AFTER INSERT OR UPDATE ON invoices_quote
  FOR EACH ROW EXECUTE FUNCTION invoices_quote_right();
"""
SEEN = f"tenant_id = {CURRENT} AND status <> 'draft'"
ROLES = {
    "Viewer": ("view",),
    "Catalogue editor": ("view",),
    "Billing operator": ("view", "add", "change"),
    "Administrator": ("view", "add", "change", "delete"),
}


def allow(apps, schema_editor):
    """Give each role its permissions, making those that the framework will only make after migrating."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    kind, _new = content_types.objects.get_or_create(app_label="invoices", model="quote")
    for role, acts in ROLES.items():
        for act in acts:
            told = {"name": f"Can {act} quote"}
            may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_quote", defaults=told)
            apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0008_quotes")]

    operations = [
        migrations.RunSQL(
            refuse_changes("invoices_quote", unless="OLD.status = 'draft'", only=ANSWER),
            restore_changes("invoices_quote"),
        ),
        migrations.RunSQL(
            RIGHT, "DROP TRIGGER invoices_quote_right ON invoices_quote; DROP FUNCTION invoices_quote_right()"
        ),
        migrations.RunSQL(own_rows("invoices_quote", rows=SEEN), take_own_rows_back("invoices_quote")),
        # The permissions stay with their roles when this is taken back: the framework drops them with the table.
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
