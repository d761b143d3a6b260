"""Append-only tables are sealed, and customers' reads see their own rows only."""

from django.db import migrations

from tenants.guards import (
    CURRENT,
    everyone_reads,
    nobody_reads,
    own_rows,
    refuse_changes,
    restore_changes,
    take_own_rows_back,
)

WITHDRAWAL = "ARRAY['withdrawn_at', 'withdrawn_by_name']"
SEALED = {
    "tenants_auditentry": {},
    "tenants_delivery": {},
    "tenants_notice": {"only": ("status", "tries", "next_try_at", "delivered_at")},
    "tenants_authorisation": {
        "unless": f"TG_OP = 'UPDATE' AND OLD.withdrawn_at IS NULL AND to_jsonb(OLD) - {WITHDRAWAL} = to_jsonb(NEW) - {WITHDRAWAL}"
    },
}
OWN = ["contact", "member", "apikey", "authorisation", "auditentry", "notice", "delivery"]

# The parent pays, so a child may know its name and a parent its children's; a policy that read its own table would never end.
PARENT = f"""
CREATE FUNCTION tenants_parent() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS
$$ SELECT parent_id FROM tenants_tenant WHERE id = {CURRENT} $$;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL("GRANT USAGE ON SCHEMA public TO tenant", "REVOKE USAGE ON SCHEMA public FROM tenant"),
        *(migrations.RunSQL(refuse_changes(table, **how), restore_changes(table)) for table, how in SEALED.items()),
        migrations.RunSQL(PARENT, "DROP FUNCTION tenants_parent()"),
        migrations.RunSQL(
            own_rows("tenants_tenant", rows=f"id = {CURRENT} OR parent_id = {CURRENT} OR id = tenants_parent()"),
            take_own_rows_back("tenants_tenant"),
        ),
        *(migrations.RunSQL(own_rows(f"tenants_{t}"), take_own_rows_back(f"tenants_{t}")) for t in OWN),
        migrations.RunSQL(
            own_rows("tenants_user", rows="id IN (SELECT user_id FROM tenants_member)"), take_own_rows_back("tenants_user")
        ),
        migrations.RunSQL(everyone_reads("tenants_seller"), nobody_reads("tenants_seller")),
    ]
