"""What dunning did and what was written off stays as it is; a customer sees what was taken from him; who may do what."""

from django.db import migrations

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back

SEALED = {
    "invoices_dunningact": ("outcome", "reason", "note", "settled_at", "settled_by_id"),
    "invoices_serviceloss": ("lifted_at",),
    "invoices_writeoff": ("status", "approved_at", "approved_by_id"),
}
# A task or a decision is settled once.
ONCE = """
CREATE FUNCTION invoices_writeoff_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status <> 'requested' THEN
    RAISE EXCEPTION 'invoices_writeoff: it was decided before' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_writeoff_decided BEFORE UPDATE ON invoices_writeoff
  FOR EACH ROW EXECUTE FUNCTION invoices_writeoff_decided();
"""
OFTEN = "DROP TRIGGER invoices_writeoff_decided ON invoices_writeoff; DROP FUNCTION invoices_writeoff_decided();"

LABELS = ("dunningschedule", "dunningstep", "dunningact", "serviceloss", "writeoff")
EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")
OPERATES = ("change_dunningact", "add_writeoff", "change_writeoff")
SCHEDULES = tuple(
    f"{act}_{model}" for model in ("dunningschedule", "dunningstep") for act in ("add", "change", "delete")
)
ACTS = {"Billing operator": OPERATES, "Administrator": (*OPERATES, *SCHEDULES)}


def allow(apps, schema_editor):
    """Let each role see dunning, those who bill settle calls and write off, and administrators keep the schedules."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    wanted = [(role, "view", model) for role in EVERYBODY for model in LABELS]
    wanted += [(role, *act.split("_", 1)) for role, acts in ACTS.items() for act in acts]
    for role, act, model in wanted:
        kind, _new = content_types.objects.get_or_create(app_label="invoices", model=model)
        told = {"name": f"Can {act} {apps.get_model('invoices', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0017_dunning")]

    operations = [
        *(
            migrations.RunSQL(refuse_changes(table, only=only), restore_changes(table))
            for table, only in SEALED.items()
        ),
        migrations.RunSQL(ONCE, OFTEN),
        migrations.RunSQL(own_rows("invoices_serviceloss"), take_own_rows_back("invoices_serviceloss")),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
