"""A charge stands on one line of a bill or inside one credit; and every role sees coupons, those who sell make them."""

import django.db.models.deletion
from django.db import migrations, models

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back

SEEN = ("billing.coupon", "billing.redemption", "billing.applieddiscount", "invoices.creditedcharge")
MAKE = ("add", "change")
ROLES = {"Viewer": (), "Catalogue editor": MAKE, "Billing operator": MAKE, "Administrator": MAKE}
TABLE = "invoices_creditedcharge"


def allow(apps, schema_editor):
    """Let every role see coupons and what they gave, and those who sell or bill define them."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    for role, acts in ROLES.items():
        for label, act in [*((label, "view") for label in SEEN), *(("billing.coupon", act) for act in acts)]:
            app, model = label.split(".")
            kind, _new = content_types.objects.get_or_create(app_label=app, model=model)
            told = {"name": f"Can {act} {apps.get_model(app, model)._meta.verbose_name_raw}"}
            may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
            apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0009_discounts"),
        ("invoices", "0010_deductions"),
        ("tenants", "0004_addresses_and_languages"),
    ]

    operations = [
        migrations.AddField(
            model_name="creditnote",
            name="first",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="later",
                to="invoices.creditnote",
            ),
        ),
        migrations.CreateModel(
            name="CreditedCharge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveIntegerField(verbose_name="position")),
                ("amount_minor", models.BigIntegerField(verbose_name="amount")),
                ("discount_minor", models.BigIntegerField(default=0, verbose_name="discount")),
                ("tax_minor", models.BigIntegerField(default=0, verbose_name="tax")),
                ("gross_minor", models.BigIntegerField(verbose_name="with tax")),
                (
                    "charge",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credited",
                        to="billing.charge",
                        verbose_name="charge",
                    ),
                ),
                (
                    "credit_note",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="charges",
                        to="invoices.creditnote",
                        verbose_name="credit note",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credited_charges",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "credited charge",
                "verbose_name_plural": "credited charges",
                "constraints": [
                    models.UniqueConstraint(fields=("credit_note", "position"), name="credited_position_once"),
                    models.CheckConstraint(
                        condition=models.Q(("discount_minor__gte", 0)), name="credited_discount_not_negative"
                    ),
                ],
            },
        ),
        migrations.RunSQL(refuse_changes(TABLE), restore_changes(TABLE)),
        migrations.RunSQL(own_rows(TABLE), take_own_rows_back(TABLE)),
        # The permissions stay with their roles when this is taken back: the framework drops them with the table.
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
