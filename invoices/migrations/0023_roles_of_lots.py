"""Every role sees what balances are made of, and the seals of the book."""

from django.db import migrations

SEEN = ("walletlot", "lotuse", "ledgerseal")
ROLES = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")


def allow(apps, schema_editor):
    """Give each role its permissions, making those that the framework will only make after migrating."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    for role, model in [(role, model) for role in ROLES for model in SEEN]:
        kind, _new = content_types.objects.get_or_create(app_label="billing", model=model)
        told = {"name": f"Can view {apps.get_model('billing', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"view_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0022_ask_once_more"), ("billing", "0018_ledger_seals")]

    # The permissions stay with their roles when this is taken back: the framework drops them with the tables.
    operations = [migrations.RunPython(allow, migrations.RunPython.noop)]
