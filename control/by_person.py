"""What a person does by hand through the same gate as an agent: proposed and approved at once."""

import uuid

from django.contrib.auth.models import User
from django.db import models, transaction
from pydantic import BaseModel

from agency import audit, live
from agency.ids import uuid7
from agency.models import AuditEntry, Client
from control import actions, approvals, kinds, policy
from control.models import Action, Level

OPERATOR = "operator"
"""Whose action it is, where another has its agent."""


def do(
    kind: str,
    params: BaseModel,
    subject: models.Model,
    user: User,
    *,
    reason: str = "Done by hand.",
    client: Client | None = None,
    correlation_id: uuid.UUID | None = None,
) -> Action:
    """Propose an action as this person and approve it at once; an outward one can be called back.

    What an agent had proposed instead is put aside. Raises approvals.NotAllowed when policy forbids
    it or it makes no sense; nothing is kept then. What policy would ask about, the person has
    answered by doing it.
    """
    origin = actions.Origin(
        agent=OPERATOR,
        run_id=None,
        correlation_id=correlation_id or uuid7(),
        subject=subject,
        client=client,
        engine="",
    )
    with transaction.atomic():
        action = _put_down(actions.Proposal(kind, params, reason), origin, user)
        approvals.approve(action, by=user, seen_hash=action.content_hash)
        action.refresh_from_db()
    return action


def _put_down(proposal: actions.Proposal, origin: actions.Origin, user: User) -> Action:
    """Write the action down as one that waits. Raises NotAllowed."""
    try:
        action = actions.draft(proposal, origin)
    except kinds.Blocked as reason:
        raise approvals.NotAllowed(str(reason)) from reason
    params = kinds.parsed(action)
    judgement = policy.judge(action)
    objection = kinds.get(action.kind).objection(action, params)
    if judgement.level == Level.FORBID or objection:
        raise approvals.NotAllowed(objection or judgement.reason)
    action.level, action.policy = judgement.level, judgement.as_json()
    action.status = Action.Status.WAITING
    action.save(force_insert=True)
    audit.record(
        "action.proposed",
        f"{user.get_username()} wants it: {action.summary}",
        actor=user.get_username(),
        actor_kind=AuditEntry.ActorKind.USER,
        obj=action,
        client=action.client,
        correlation_id=action.correlation_id,
        data={"reason": action.reason, "policy": action.policy, "hash": action.content_hash},
    )
    actions.put_aside(action, whoever=True)
    live.broadcast("approvals", "status")
    return action
