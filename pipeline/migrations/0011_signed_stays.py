"""What was signed is never changed or deleted; what was sent keeps its document and price."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER pipeline_signature_kept
    BEFORE UPDATE OR DELETE ON pipeline_signature
    FOR EACH ROW EXECUTE FUNCTION agency_forbid_change();
CREATE FUNCTION pipeline_proposal_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'draft' AND (
        NEW.status = 'draft'
        OR (NEW.document, NEW.document_sha256, NEW.setup_usd, NEW.monthly_usd, NEW.term_months,
            NEW.deal_id, NEW.version)
        IS DISTINCT FROM (OLD.document, OLD.document_sha256, OLD.setup_usd, OLD.monthly_usd,
            OLD.term_months, OLD.deal_id, OLD.version)
    ) THEN
        RAISE EXCEPTION 'a proposal that was sent cannot be changed; make a new version'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pipeline_proposal_frozen
    BEFORE UPDATE ON pipeline_proposal
    FOR EACH ROW EXECUTE FUNCTION pipeline_proposal_guard();
"""

BACKWARD = """
DROP TRIGGER pipeline_proposal_frozen ON pipeline_proposal;
DROP FUNCTION pipeline_proposal_guard();
DROP TRIGGER pipeline_signature_kept ON pipeline_signature;
"""


class Migration(migrations.Migration):
    dependencies = [("pipeline", "0010_deals"), ("agency", "0002_audit_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
