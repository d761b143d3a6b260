"""Reminders, and notices of a deduction as files."""

from django.db import migrations, models
from django.db.models import F, Q

from tenants.tables import Together

# When a notice arrived and when it may be deducted is never moved to an earlier time, except by way of its having come back.
LATER = """
CREATE FUNCTION invoices_chargenotice_later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'invoices_chargenotice: % may not be deducted earlier than was announced', OLD.id
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'charge_notice_never_earlier';
END $$;
CREATE TRIGGER invoices_chargenotice_later BEFORE UPDATE ON invoices_chargenotice
  FOR EACH ROW WHEN (NEW.delivered_at < OLD.delivered_at OR NEW.charge_at < OLD.charge_at)
  EXECUTE FUNCTION invoices_chargenotice_later();
"""
ANY_TIME = """
DROP TRIGGER invoices_chargenotice_later ON invoices_chargenotice; DROP FUNCTION invoices_chargenotice_later();
"""
EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")
SEEN = ("noticepreference", "wecombot", "opening", "bounce")


def allow(apps, schema_editor):
    """Let each role see how customers are told and what came back, and those who bill see to it."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    wanted = [(role, "view", model) for role in EVERYBODY for model in SEEN]
    wanted += [(role, "change", "bounce") for role in ("Billing operator", "Administrator")]
    for role, act, model in wanted:
        kind, _new = content_types.objects.get_or_create(app_label="tenants", model=model)
        told = {"name": f"Can {act} {apps.get_model('tenants', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0027_acts"), ("tenants", "0008_telling")]

    operations = [
        Together(
            [
                migrations.AlterField(
                    model_name="document",
                    name="kind",
                    field=models.CharField(
                        choices=[
                            ("invoice", "bill"),
                            ("credit_note", "credit note"),
                            ("quote", "quote"),
                            ("notice", "notice of a deduction"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                migrations.RemoveConstraint(model_name="document", name="document_kind_known"),
                migrations.AddConstraint(
                    model_name="document",
                    constraint=models.CheckConstraint(
                        condition=Q(("kind__in", ["invoice", "credit_note", "quote", "notice"])),
                        name="document_kind_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="chargenotice",
                    constraint=models.CheckConstraint(
                        condition=Q(
                            ("delivered_at", None),
                            ("via", "confirmation"),
                            ("delivered_at__gte", F("announced_at")),
                            _connector="OR",
                        ),
                        name="charge_notice_not_known_before",
                    ),
                ),
            ]
        ),
        migrations.RunSQL(LATER, ANY_TIME),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
