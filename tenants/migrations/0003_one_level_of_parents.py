"""A parent company has no parent of its own: the database holds it, also against two changes at once."""

from django.db import migrations

# The parent's row is locked, so that it cannot get a parent of its own in the meantime.
ONE_LEVEL = """
CREATE FUNCTION tenants_tenant_one_level() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM tenants_tenant WHERE id = NEW.parent_id FOR NO KEY UPDATE;
  IF EXISTS (SELECT 1 FROM tenants_tenant WHERE id = NEW.parent_id AND parent_id IS NOT NULL) THEN
    RAISE EXCEPTION 'tenants_tenant: the parent % has a parent itself', NEW.parent_id USING ERRCODE = 'restrict_violation';
  END IF;
  IF EXISTS (SELECT 1 FROM tenants_tenant WHERE parent_id = NEW.id) THEN
    RAISE EXCEPTION 'tenants_tenant: % has subsidiaries, so it cannot have a parent', NEW.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER tenants_tenant_one_level BEFORE INSERT OR UPDATE OF parent_id ON tenants_tenant
  FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION tenants_tenant_one_level();
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_guards")]

    operations = [
        migrations.RunSQL(
            ONE_LEVEL, "DROP TRIGGER tenants_tenant_one_level ON tenants_tenant; DROP FUNCTION tenants_tenant_one_level()"
        ),
    ]
