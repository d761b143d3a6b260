"""Events are sealed, and customers' reads see their own rows only."""

from django.db import migrations

from tenants.guards import everyone_reads, nobody_reads, own_rows, refuse_changes, restore_changes, take_own_rows_back

OWN = ["usage_usageevent", "usage_usagecounter", "usage_usagemember"]


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_initial"), ("tenants", "0002_guards")]

    operations = [
        migrations.RunSQL(refuse_changes("usage_usageevent"), restore_changes("usage_usageevent")),
        *(migrations.RunSQL(own_rows(t), take_own_rows_back(t)) for t in OWN),
        migrations.RunSQL(everyone_reads("usage_meter"), nobody_reads("usage_meter")),
    ]
