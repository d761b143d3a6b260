"""Evidence packs: the keys that sign them, and the fingerprint of each on record."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tenants.guards import own_rows, refuse_changes, restore_changes, take_own_rows_back
from tenants.tables import Together

HASH = "^[0-9a-f]{64}$"
SEALED = {"invoices_signingkey": ("secret", "retired_at"), "invoices_evidencepack": ()}
OWN = "invoices_evidencepack"
# A key that was retired is never in use again.
RETIRED = """
CREATE FUNCTION invoices_signingkey_retired() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.retired_at IS NOT NULL AND NEW.retired_at IS DISTINCT FROM OLD.retired_at THEN
    RAISE EXCEPTION 'invoices_signingkey: a retired key stays retired' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER invoices_signingkey_retired BEFORE UPDATE ON invoices_signingkey
  FOR EACH ROW EXECUTE FUNCTION invoices_signingkey_retired();
"""
IN_USE = "DROP TRIGGER invoices_signingkey_retired ON invoices_signingkey; DROP FUNCTION invoices_signingkey_retired();"
EVERYBODY = ("Viewer", "Catalogue editor", "Billing operator", "Administrator")
ACTS = {
    "Billing operator": ("add_evidencepack",),
    "Administrator": ("add_evidencepack", "add_signingkey", "change_signingkey"),
}


def allow(apps, schema_editor):
    """Let each role see packs and keys, those who bill make a pack, and administrators rotate the keys."""
    content_types, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    wanted = [(role, "view", model) for role in EVERYBODY for model in ("evidencepack", "signingkey")]
    wanted += [(role, *act.split("_", 1)) for role, acts in ACTS.items() for act in acts]
    for role, act, model in wanted:
        kind, _new = content_types.objects.get_or_create(app_label="invoices", model=model)
        told = {"name": f"Can {act} {apps.get_model('invoices', model)._meta.verbose_name_raw}"}
        may, _new = permissions.objects.get_or_create(content_type=kind, codename=f"{act}_{model}", defaults=told)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(may)


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0028_announced"),
        ("tenants", "0005_refund_limit"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            [
                migrations.CreateModel(
                    name="SigningKey",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("public_key", models.CharField(max_length=44, verbose_name="public key")),
                        ("fingerprint", models.CharField(max_length=64, unique=True, verbose_name="fingerprint")),
                        ("secret", models.TextField(verbose_name="secret key, encrypted")),
                        ("made_at", models.DateTimeField(verbose_name="made")),
                        ("retired_at", models.DateTimeField(blank=True, null=True, verbose_name="retired")),
                        (
                            "made_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="by",
                            ),
                        ),
                        (
                            "seller",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="signing_keys",
                                to="tenants.seller",
                                verbose_name="seller",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "signing key",
                        "verbose_name_plural": "signing keys",
                        "ordering": ["seller", "-made_at"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("retired_at", None)),
                                fields=("seller",),
                                name="signing_key_one_in_use",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("fingerprint__regex", HASH)), name="signing_key_fingerprint_form"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("secret__startswith", "{"), _negated=True),
                                name="signing_key_secret_sealed",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("retired_at", None), ("retired_at__gte", models.F("made_at")), _connector="OR"
                                ),
                                name="signing_key_retired_after_made",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="EvidencePack",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("start_on", models.DateField(verbose_name="from")),
                        ("end_on", models.DateField(verbose_name="until")),
                        ("sha256", models.CharField(max_length=64, verbose_name="hash")),
                        ("manifest_sha256", models.CharField(max_length=64, verbose_name="hash of the manifest")),
                        ("fingerprint", models.CharField(max_length=64, verbose_name="signed with")),
                        ("bytes", models.PositiveBigIntegerField(verbose_name="size")),
                        ("counts", models.JSONField(default=dict, verbose_name="contents")),
                        ("made_at", models.DateTimeField(verbose_name="made")),
                        ("made_by_name", models.CharField(blank=True, max_length=80, verbose_name="by")),
                        (
                            "made_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="by",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="evidence_packs",
                                to="tenants.tenant",
                                verbose_name="customer",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "evidence pack",
                        "verbose_name_plural": "evidence packs",
                        "ordering": ["-made_at", "-id"],
                        "constraints": [
                            models.UniqueConstraint(fields=("tenant", "sha256"), name="evidence_pack_once"),
                            models.CheckConstraint(
                                condition=models.Q(("end_on__gt", models.F("start_on"))),
                                name="evidence_pack_days_in_order",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("fingerprint__regex", HASH),
                                    ("manifest_sha256__regex", HASH),
                                    ("sha256__regex", HASH),
                                ),
                                name="evidence_pack_hash_form",
                            ),
                        ],
                    },
                ),
            ]
        ),
        *(
            migrations.RunSQL(refuse_changes(table, only=only), restore_changes(table))
            for table, only in SEALED.items()
        ),
        migrations.RunSQL(RETIRED, IN_USE),
        migrations.RunSQL(own_rows(OWN), take_own_rows_back(OWN)),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
