"""What of a bill is in dispute: a column that may change after it was issued."""

from django.conf import settings
from django.db import migrations, models

from tenants.guards import refuse_changes, restore_changes
from tenants.tables import Together

BEFORE = ("status", "paid_minor", "credited_minor", "due_minor", "paid_at")
INVOICE = "invoices_invoice"


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0024_days_after_due"),
        ("tenants", "0005_refund_limit"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.AddField(
                    model_name="invoice",
                    name="frozen_minor",
                    field=models.BigIntegerField(db_default=0, default=0, verbose_name="in dispute"),
                ),
                migrations.AddConstraint(
                    model_name="invoice",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("frozen_minor__gte", 0)), name="invoice_frozen_not_negative"
                    ),
                ),
            ]
        ),
        migrations.RunSQL(
            restore_changes(INVOICE), refuse_changes(INVOICE, unless="OLD.status = 'draft'", only=BEFORE)
        ),
        migrations.RunSQL(
            refuse_changes(INVOICE, unless="OLD.status = 'draft'", only=(*BEFORE, "frozen_minor")),
            restore_changes(INVOICE),
        ),
    ]
