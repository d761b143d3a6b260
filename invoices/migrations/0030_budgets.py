"""Every role sees the budgets that customers set; nobody of the seller sets, changes or ends them."""

from django.db import migrations

SEEN = ("budget", "budgetrelease")
ROLES = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")


def allow(apps, schema_editor):
    """Let each role see them, making the permissions that the framework will only make after migrating."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    for model in SEEN:
        kind, _new = content_types.objects.get_or_create(app_label="billing", model=model)
        told = {"name": f"Can view {apps.get_model('billing', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"view_{model}", defaults=told)
        for role in ROLES:
            apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0029_explained"), ("billing", "0019_budgets")]

    # The permissions stay with their roles when this is taken back: the framework drops them with the tables.
    operations = [migrations.RunPython(allow, migrations.RunPython.noop)]
