"""The way from a company nobody knows to a client: prospects, what is written to them, leads."""

from pipeline.models.leads import Lead, LeadQuerySet, SavedFilter, Stage
from pipeline.models.mail import Attachment, InboundMail, Thread
from pipeline.models.outreach import (
    Enrollment,
    HandTask,
    Mailbox,
    SenderDomain,
    Sequence,
    SequenceStep,
    Suppression,
    Touch,
    Variant,
)
from pipeline.models.prospects import (
    Contact,
    Fact,
    IdealCustomer,
    Prospect,
    ProspectImport,
    ProspectKey,
    ProspectMerge,
    Sighting,
    Source,
    World,
)

__all__ = [
    "Attachment",
    "Contact",
    "Enrollment",
    "Fact",
    "HandTask",
    "IdealCustomer",
    "InboundMail",
    "Lead",
    "LeadQuerySet",
    "Mailbox",
    "Prospect",
    "ProspectImport",
    "ProspectKey",
    "ProspectMerge",
    "SavedFilter",
    "SenderDomain",
    "Sequence",
    "SequenceStep",
    "Sighting",
    "Source",
    "Stage",
    "Suppression",
    "Thread",
    "Touch",
    "Variant",
    "World",
]
