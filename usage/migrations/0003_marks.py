"""One mark per meter in the place of one per hour; areas keep every decimal of a value times microseconds."""

import django.db.models.deletion
from django.db import migrations, models

from tenants.tables import Together


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_guards"), ("usage", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="UsageMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField(null=True, verbose_name="first hour changed")),
                ("until", models.DateTimeField(null=True, verbose_name="last hour changed")),
                (
                    "meter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="marks", to="usage.meter"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="usage_marks", to="tenants.tenant"
                    ),
                ),
            ],
            options={"verbose_name": "mark of changed usage", "verbose_name_plural": "marks of changed usage"},
        ),
        migrations.RemoveIndex(model_name="usagecounter", name="counter_unmeasured"),
        migrations.RemoveField(model_name="usagecounter", name="unmeasured"),
        Together(
            [
                migrations.AlterField(
                    model_name="usagecounter",
                    name="area",
                    field=models.DecimalField(
                        decimal_places=20, default=0, max_digits=40, verbose_name="value-seconds"
                    ),
                ),
                migrations.AlterField(
                    model_name="usageevent",
                    name="key",
                    field=models.CharField(max_length=120, verbose_name="event key"),
                ),
                migrations.AddConstraint(
                    model_name="usagemark",
                    constraint=models.UniqueConstraint(fields=("tenant", "meter"), name="mark_once_per_meter"),
                ),
                migrations.AddConstraint(
                    model_name="usagemark",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("since", None), ("until", None)),
                            models.Q(
                                ("since__isnull", False), ("since__lte", models.F("until")), ("until__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="mark_is_a_range",
                    ),
                ),
            ]
        ),
    ]
