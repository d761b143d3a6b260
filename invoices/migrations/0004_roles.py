"""Four roles of operators, as groups: made from the permissions of every room, which only the last one knows."""

from django.db import migrations

ROOMS = ("tenants", "usage", "billing", "invoices")
WRITTEN = ("add", "change", "delete")
VIEWER, CATALOGUE, BILLING, ADMINISTRATOR = "Viewer", "Catalogue editor", "Billing operator", "Administrator"

# What each role may do beside seeing everything: model → acts.
EDITS = {
    VIEWER: {},
    CATALOGUE: {
        "usage.meter": ("add", "change"),
        "billing.family": ("add", "change"),
        "billing.plan": ("add", "change"),
        "billing.planversion": ("add", "change"),
        "billing.price": ("add", "change"),
        "billing.pricelist": ("add", "change"),
        "billing.pricelistentry": ("add", "change"),
    },
    BILLING: {
        "tenants.tenant": ("add", "change"),
        "tenants.contact": WRITTEN,
        "tenants.member": ("add", "change"),
        "tenants.tag": ("add", "change"),
        "tenants.customergroup": ("add", "change"),
        "tenants.notice": ("change",),
        "usage.usageimport": ("add",),
        "billing.subscription": ("add", "change"),
        "invoices.invoice": ("change",),
        "invoices.creditnote": ("add",),
        "invoices.payment": ("add",),
        "invoices.billingrun": ("add",),
        "invoices.parked": ("change",),
        "invoices.customerimport": ("add",),
    },
}


def permissions(apps, wanted):
    """Yield the permissions of `wanted` (model → acts), making those that the framework will only make after migrating."""
    content_types, found = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    for label, acts in wanted.items():
        app, model = label.split(".")
        kind, _new = content_types.objects.get_or_create(app_label=app, model=model)
        name = apps.get_model(app, model)._meta.verbose_name_raw
        for act in acts:
            told = {"name": f"Can {act} {name}"[:255]}
            yield found.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)[0]


def make(apps, schema_editor):
    """Make the four groups."""
    group = apps.get_model("auth", "Group")
    models = [m._meta.label_lower for m in apps.get_models() if m._meta.app_label in ROOMS and not m._meta.auto_created]
    seen = {label: ("view",) for label in models} | {"auth.group": ("view",), "django_celery_beat.periodictask": ("view",)}
    for name, edits in EDITS.items():
        role, _new = group.objects.get_or_create(name=name)
        role.permissions.add(*permissions(apps, seen), *permissions(apps, edits))
    everything = {label: ("view", *WRITTEN) for label in seen}
    role, _new = group.objects.get_or_create(name=ADMINISTRATOR)
    role.permissions.add(*permissions(apps, everything))


def unmake(apps, schema_editor):
    """Remove the four groups; their members lose what the groups allowed."""
    apps.get_model("auth", "Group").objects.filter(name__in=[*EDITS, ADMINISTRATOR]).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0003_guards"),
        ("usage", "0003_marks"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(make, unmake)]
