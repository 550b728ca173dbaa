"""What may be done to a lead or prospect; importing this registers every kind of action."""

from pipeline.kinds.answers import SortParams, SortReply
from pipeline.kinds.by_hand import CallTask, HandParams, LinkedinTask
from pipeline.kinds.calls import (
    InvitationParams,
    OfferParams,
    OfferTimes,
    RecoverNoShow,
    RecoverParams,
    Remind,
    RemindParams,
    SendInvitation,
)
from pipeline.kinds.deals import CloseLost, LostParams, ReadNotes, ReadParams, Said
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
from pipeline.kinds.meetings import (
    BookMeeting,
    BookParams,
    BriefFact,
    BriefOperator,
    BriefParams,
)
from pipeline.kinds.offers import (
    FollowUpParams,
    FollowUpProposal,
    Negotiate,
    ProposalParams,
    SendProposal,
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
    "BookMeeting",
    "BookParams",
    "BriefFact",
    "BriefOperator",
    "BriefParams",
    "CallTask",
    "CloseLost",
    "DropParams",
    "DropProspect",
    "EmailParams",
    "EnrichParams",
    "EnrichProspect",
    "EnrollParams",
    "EnrollProspect",
    "FollowUpParams",
    "FollowUpProposal",
    "FoundContact",
    "FoundFact",
    "FoundSignal",
    "HandParams",
    "InvitationParams",
    "LinkedinTask",
    "LostParams",
    "Negotiate",
    "OfferParams",
    "OfferTimes",
    "PassOver",
    "PassOverParams",
    "PassedOver",
    "ProposalParams",
    "QualifyLead",
    "QualifyParams",
    "ReadNotes",
    "ReadParams",
    "RecoverNoShow",
    "RecoverParams",
    "Remind",
    "RemindParams",
    "ReplyParams",
    "ReplyToLead",
    "Said",
    "ScorePart",
    "SendEmail",
    "SendInvitation",
    "SendProposal",
    "SortParams",
    "SortReply",
]
