"""Every role sees changes of contracts, what they left behind, and announced price migrations."""

from django.db import migrations

SEEN = ("billing.change", "billing.formerterms", "billing.chargecredit", "billing.pricemigration")
ROLES = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")


def allow(apps, schema_editor):
    """Let each role see them, making the permissions that the framework will only make after migrating."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    for label in SEEN:
        app, model = label.split(".")
        kind, _new = content_types.objects.get_or_create(app_label=app, model=model)
        told = {"name": f"Can view {apps.get_model(app, model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"view_{model}", defaults=told)
        for role in ROLES:
            apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0013_roles_of_packs"), ("billing", "0012_price_migrations")]

    # The permissions stay with their roles when this is taken back: the framework drops them with the tables.
    operations = [migrations.RunPython(allow, migrations.RunPython.noop)]
