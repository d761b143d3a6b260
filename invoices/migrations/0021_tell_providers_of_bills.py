import django.db.models.deletion
from django.db import migrations, models

from tenants.tables import Together


class Migration(migrations.Migration):
    dependencies = [("invoices", "0020_bank_and_statements")]

    operations = [
        Together(
            [
                migrations.AddField(
                    model_name="mandatenotice",
                    name="invoice",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="told_provider",
                        to="invoices.invoice",
                        verbose_name="bill",
                    ),
                ),
                migrations.AlterField(
                    model_name="mandatenotice",
                    name="notice",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="told_provider",
                        to="invoices.chargenotice",
                        verbose_name="notice",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="mandatenotice",
                    constraint=models.UniqueConstraint(
                        fields=("mandate", "invoice"), name="mandate_notice_once_for_bill"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="mandatenotice",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("invoice", None), ("notice__isnull", False)),
                            models.Q(("invoice__isnull", False), ("notice", None)),
                            _connector="OR",
                        ),
                        name="mandate_notice_of_one_thing",
                    ),
                ),
            ]
        ),
    ]
