"""What an authorisation covers, from when until when, and by which way."""

from django.db import migrations, models

from tenants.guards import refuse_changes, restore_changes
from tenants.tables import Together

TABLE = "tenants_authorisation"
WITHDRAWAL = "ARRAY['withdrawn_at', 'withdrawn_by_name']"
SEAL = {
    "unless": f"TG_OP = 'UPDATE' AND OLD.withdrawn_at IS NULL AND to_jsonb(OLD) - {WITHDRAWAL} = to_jsonb(NEW) - {WITHDRAWAL}"
}
ITEM = r"(all|renewal|overage|top_up|module:[A-Za-z0-9][A-Za-z0-9_.-]{0,59}|subscription:[1-9][0-9]{0,18})"


def rename(old, new):
    """Return SQL that gives a scope another name, past the seal of the table."""
    update = f"UPDATE {TABLE} SET scope = '{new}' WHERE scope = '{old}';"
    return f"{restore_changes(TABLE)} {update} {refuse_changes(TABLE, **SEAL)}"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_refund_limit")]

    operations = [
        migrations.AlterField(
            model_name="authorisation",
            name="scope",
            field=models.CharField(default="all", max_length=400, verbose_name="scope"),
        ),
        # The consent to renew, which lets nothing be deducted; `renewal` is now an item that may be deducted.
        migrations.RunSQL(rename("renewal", "renews"), rename("renews", "renewal")),
        Together(
            [
                migrations.AddField(
                    model_name="authorisation",
                    name="way",
                    field=models.CharField(
                        choices=[
                            ("any", "any way"),
                            ("wallet", "balance"),
                            ("alipay", "Alipay"),
                            ("wechat", "WeChat Pay"),
                        ],
                        default="any",
                        max_length=6,
                        verbose_name="way of payment",
                    ),
                ),
                migrations.AddField(
                    model_name="authorisation",
                    name="valid_from",
                    field=models.DateTimeField(blank=True, null=True, verbose_name="valid from"),
                ),
                migrations.AddField(
                    model_name="authorisation",
                    name="valid_until",
                    field=models.DateTimeField(blank=True, null=True, verbose_name="valid until"),
                ),
                migrations.AddConstraint(
                    model_name="authorisation",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("scope__regex", rf"^(renews|{ITEM}(,{ITEM})*)$")),
                        name="authorisation_scope_form",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="authorisation",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("way__in", ["any", "wallet", "alipay", "wechat"])),
                        name="authorisation_way_known",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="authorisation",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until", None),
                            models.Q(
                                ("valid_until__gt", models.F("given_at")),
                                models.Q(
                                    ("valid_from", None), ("valid_until__gt", models.F("valid_from")), _connector="OR"
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="authorisation_days_in_order",
                    ),
                ),
            ]
        ),
    ]
