"""How a meter counts does not change once there are events: the counters were made by it."""

from django.db import migrations

from tenants.guards import refuse_changes, restore_changes

NEW = "NOT EXISTS (SELECT 1 FROM usage_usageevent WHERE meter_id = OLD.id)"
WORDS = ("name", "name_en", "unit", "unit_en", "active")


class Migration(migrations.Migration):
    dependencies = [("usage", "0003_marks")]

    operations = [
        migrations.RunSQL(refuse_changes("usage_meter", only=WORDS, unless=NEW), restore_changes("usage_meter")),
    ]
