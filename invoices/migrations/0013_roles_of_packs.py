"""Every role sees resource packs and their use; those who bill grant them."""

from django.db import migrations

SEEN = ("billing.pack", "billing.packuse")
ROLES = {"Viewer": (), "Catalogue editor": (), "Billing operator": ("billing.pack",), "Administrator": ("billing.pack",)}


def allow(apps, schema_editor):
    """Give each role its permissions, making those that the framework will only make after migrating."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    for role, adds in ROLES.items():
        for label, act in [*((label, "view") for label in SEEN), *((label, "add") for label in adds)]:
            app, model = label.split(".")
            kind, _new = content_types.objects.get_or_create(app_label=app, model=model)
            told = {"name": f"Can {act} {apps.get_model(app, model)._meta.verbose_name_raw}"}
            may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
            apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0012_collecting_parks"), ("billing", "0008_packs")]

    # The permissions stay with their roles when this is taken back: the framework drops them with the tables.
    operations = [migrations.RunPython(allow, migrations.RunPython.noop)]
