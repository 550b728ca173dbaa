"""What comes back of a mail of ours: bounces, complaints, and people who want no more of it.

Whom it is about is taken from what we sent, never from what the report says.
"""

from django.db.models import F
from django.db.models.functions import Coalesce, Now

from agency import clock, live
from control import alerts, promotions
from pipeline.mail import deliverability, suppressions
from pipeline.mail.correspondence import About
from pipeline.models import Enrollment, Lead, Suppression, Touch
from pipeline.writing import outreach


def bounced(about: About, *, permanent: bool, says: str) -> None:
    """Record that a mail came back, in the caller's transaction; stop writing there."""
    _mark(about, "bounced_at")
    if permanent and about.address:
        suppressions.add(
            Suppression.Scope.ADDRESS, about.address, reason=f"{suppressions.CAME_BACK}: {says}"
        )
    _stop(about, Enrollment.Stop.BOUNCE)
    if about.action is not None and permanent:
        promotions.after_outcome(about.action, "its mail came back")
    if about.action is not None and about.lead is not None:
        _flag(about.lead)
        alerts.raise_alert(
            f"mail:returned:{about.lead.pk}",
            f"The answer to {about.lead} came back",
            body=says,
            url=f"/leads/{about.lead.pk}/",
        )
    deliverability.look()


def complained(about: About) -> None:
    """Record that somebody marked a mail as spam, in the caller's transaction; never write again.

    A single complaint is told to the operator; the second stops cold mail (`deliverability`).
    """
    if _mark(about, "complained_at") and about.prospect is not None:
        alerts.raise_alert(
            "mail:complaint",
            "A cold mail was marked as spam",
            body=f"By {about.prospect}. One more among the last mails stops all cold mail.",
            url="/alerts/",
        )
    if about.address:
        suppressions.add(
            Suppression.Scope.ADDRESS, about.address, reason="they marked a mail as spam"
        )
    _stop(about, Enrollment.Stop.COMPLAINT)
    if about.action is not None:
        promotions.after_outcome(about.action, "its mail was marked as spam")
    deliverability.look()


def unsubscribed(about: About, *, how: str) -> None:
    """Record that somebody wants no more mail, in the caller's transaction."""
    _mark(about, "unsubscribed_at")
    if about.address:
        suppressions.add(
            Suppression.Scope.ADDRESS, about.address, reason=f"they unsubscribed {how}"
        )
    _stop(about, Enrollment.Stop.UNSUBSCRIBE)


def _mark(about: About, field: str) -> bool:
    """Set the touch's time the first time; return whether this was it."""
    if about.touch is None:
        return False
    free = Touch.objects.filter(pk=about.touch.pk, **{f"{field}__isnull": True})
    live.broadcast("sequences", f"prospect:{about.touch.prospect_id}")
    return free.update(**{field: clock.now()}) == 1


def _stop(about: About, reason: Enrollment.Stop) -> None:
    if about.prospect is not None:
        outreach.stop(about.prospect, reason)


def _flag(lead: Lead) -> None:
    Lead.objects.filter(pk=lead.pk).update(flagged_at=Coalesce(F("flagged_at"), Now()))
    live.broadcast("leads", f"lead:{lead.pk}")
