"""The way from a company nobody knows to a client: prospects, what is written to them, leads."""

from pipeline.models.deals import MONTHS, PROBABILITY, Deal, DealNote, DealStage
from pipeline.models.imports import FileImport
from pipeline.models.leads import Lead, LeadImport, LeadQuerySet, SavedFilter, Stage
from pipeline.models.mail import Attachment, InboundMail, Thread
from pipeline.models.meetings import BookingRules, BusyTime, Meeting
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
from pipeline.models.proposals import Proposal, Signature
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
    "MONTHS",
    "PROBABILITY",
    "Attachment",
    "BookingRules",
    "BusyTime",
    "Contact",
    "Deal",
    "DealNote",
    "DealStage",
    "Enrollment",
    "Fact",
    "FileImport",
    "HandTask",
    "IdealCustomer",
    "InboundMail",
    "Lead",
    "LeadImport",
    "LeadQuerySet",
    "Mailbox",
    "Meeting",
    "Proposal",
    "Prospect",
    "ProspectImport",
    "ProspectKey",
    "ProspectMerge",
    "SavedFilter",
    "SenderDomain",
    "Sequence",
    "SequenceStep",
    "Sighting",
    "Signature",
    "Source",
    "Stage",
    "Suppression",
    "Thread",
    "Touch",
    "Variant",
    "World",
]
