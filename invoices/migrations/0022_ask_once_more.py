"""What was closed here is asked for once more, so what is to be asked for is not only what is under way."""

from django.db import migrations, models

from tenants.tables import Together


class Migration(migrations.Migration):
    dependencies = [("invoices", "0021_tell_providers_of_bills")]

    operations = [
        Together(
            [
                migrations.RemoveIndex(model_name="payment", name="payment_to_ask"),
                migrations.AddIndex(
                    model_name="payment",
                    index=models.Index(
                        condition=models.Q(("ask_at__isnull", False)), fields=["ask_at"], name="payment_to_ask"
                    ),
                ),
            ]
        ),
    ]
