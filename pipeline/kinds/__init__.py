"""What may be done to a lead or prospect; importing this registers every kind of action."""

from pipeline.kinds.answers import SortParams, SortReply
from pipeline.kinds.by_hand import CallTask, HandParams, LinkedinTask
from pipeline.kinds.finding import AddParams, AddProspect, PassedOver, PassOver, PassOverParams
from pipeline.kinds.leads import (
    EVENT_OF,
    SCORED,
    QualifyLead,
    QualifyParams,
    ReplyParams,
    ReplyToLead,
    ScorePart,
)
from pipeline.kinds.outreach import EmailParams, EnrollParams, EnrollProspect, SendEmail
from pipeline.kinds.prospects import (
    DropParams,
    DropProspect,
    EnrichParams,
    EnrichProspect,
    FoundContact,
    FoundFact,
    FoundSignal,
)

__all__ = [
    "EVENT_OF",
    "SCORED",
    "AddParams",
    "AddProspect",
    "CallTask",
    "DropParams",
    "DropProspect",
    "EmailParams",
    "EnrichParams",
    "EnrichProspect",
    "EnrollParams",
    "EnrollProspect",
    "FoundContact",
    "FoundFact",
    "FoundSignal",
    "HandParams",
    "LinkedinTask",
    "PassOver",
    "PassOverParams",
    "PassedOver",
    "QualifyLead",
    "QualifyParams",
    "ReplyParams",
    "ReplyToLead",
    "ScorePart",
    "SendEmail",
    "SortParams",
    "SortReply",
]
