"""A decision is never taken out of the record; an approval may be used up or voided, once."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION control_decision_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'consumed_at' - 'voided_at'
       IS DISTINCT FROM to_jsonb(OLD) - 'consumed_at' - 'voided_at'
    THEN
        RAISE EXCEPTION 'a decision cannot be changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER control_decision_kept
    BEFORE UPDATE ON control_decision
    FOR EACH ROW EXECUTE FUNCTION control_decision_guard();
CREATE TRIGGER control_decision_not_deleted
    BEFORE DELETE ON control_decision
    FOR EACH ROW EXECUTE FUNCTION agency_forbid_change();
"""

BACKWARD = """
DROP TRIGGER control_decision_not_deleted ON control_decision;
DROP TRIGGER control_decision_kept ON control_decision;
DROP FUNCTION control_decision_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("control", "0001_initial"), ("agency", "0002_audit_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
