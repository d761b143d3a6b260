"""When a seller holds bills that are far from the customer's own."""

from django.db import migrations, models

from tenants.tables import Together


class Migration(migrations.Migration):
    dependencies = [("tenants", "0008_telling")]

    operations = [
        Together(
            [
                migrations.AddField(
                    model_name="seller",
                    name="hold_factor",
                    field=models.DecimalField(
                        blank=True,
                        decimal_places=10,
                        help_text="How far above its usual amount a line may be, in spreads of its own history: 5. Empty: none is held.",
                        max_digits=30,
                        null=True,
                        verbose_name="a bill is held above so many spreads",
                    ),
                ),
                migrations.AddField(
                    model_name="seller",
                    name="hold_least_minor",
                    field=models.BigIntegerField(
                        blank=True,
                        help_text="In the smallest unit of the currency: 50000 is 500.00.",
                        null=True,
                        verbose_name="and only from this amount above the usual",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="seller",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("hold_factor", None), ("hold_least_minor", None)),
                            models.Q(
                                ("hold_factor__gte", 1),
                                ("hold_factor__isnull", False),
                                ("hold_least_minor__gte", 0),
                                ("hold_least_minor__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="seller_hold_whole",
                    ),
                ),
            ]
        ),
    ]
