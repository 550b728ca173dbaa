"""What may be done to a prospect: add it, write down what is known of it, drop it."""

import datetime as dt
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agency import clock, live
from control import kinds, overrides
from control.models import Action
from integrations import web
from jobs import events
from pipeline import prospects
from pipeline.finding import addresses
from pipeline.models import (
    Contact,
    Enrollment,
    Fact,
    Prospect,
    ProspectKey,
)
from pipeline.writing import outreach

RESEARCHED = "prospect.researched"


class FoundSignal(BaseModel):
    """A signal a source shows, with the words that show it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100)
    quote: str = Field(default="", max_length=500)


class FoundFact(BaseModel):
    """One thing known, with the words that say so and where they stand."""

    model_config = ConfigDict(extra="forbid")

    kind: Fact.Kind
    claim: str = Field(min_length=1, max_length=300)
    quote: str = Field(min_length=1, max_length=1_000)
    url: str = Field(max_length=500)
    seen_at: dt.datetime


class FoundContact(BaseModel):
    """A person or a general address, as the company's own site shows it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", max_length=200)
    role: str = Field(default="", max_length=120)
    email: str = Field(default="", max_length=254)
    phone: str = Field(default="", max_length=40)
    linkedin: str = Field(default="", max_length=300)
    url: str = Field(max_length=500)


class EnrichParams(BaseModel):
    """What research found. Empty fields change nothing."""

    model_config = ConfigDict(extra="forbid")

    fit: int = Field(ge=0, le=100)
    reason: str = Field(max_length=300)
    description: str = Field(default="", max_length=1_000)
    industry: str = Field(default="", max_length=100)
    place: str = Field(default="", max_length=120)
    country: str = Field(default="", max_length=2)
    phone: str = Field(default="", max_length=40)
    linkedin: str = Field(default="", max_length=300)
    employees: int | None = None
    signals: list[FoundSignal] = Field(default_factory=list, max_length=20)
    facts: list[FoundFact] = Field(default_factory=list, max_length=40)
    contacts: list[FoundContact] = Field(default_factory=list, max_length=20)


FIELDS = ("description", "industry", "place", "country", "phone", "linkedin", "employees")
SET = (*FIELDS, "email", "timezone", "fit", "reason", "signals", "status", "researched_at")


@kinds.register
class EnrichProspect(kinds.ActionKind[EnrichParams]):
    """Write down what is known of a prospect, with the evidence. Undo puts the old back."""

    name = "enrich_prospect"
    label = "Researches"
    params = EnrichParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1
    emits = (RESEARCHED,)

    def summary(self, action: Action, params: EnrichParams) -> str:
        """Say what was found about whom."""
        return (
            f"{_prospect(action)}: {len(params.facts)} facts, {len(params.contacts)} contacts,"
            f" {params.fit} points of fit"
        )

    def consequence(self, action: Action, params: EnrichParams) -> str:
        """Say what follows."""
        return "The facts stand on the prospect’s page, and Outreach may write to it."

    def execute(self, action: Action, params: EnrichParams, guard: kinds.Guard) -> dict[str, Any]:
        """Write it; fields a person has set by hand stay as they are."""
        prospect = _locked(action)
        action.before = _standing(prospect)
        kept = overrides.fields(prospect)
        found = {name: getattr(params, name) for name in FIELDS if getattr(params, name)}
        found |= {"fit": params.fit, "reason": params.reason}
        found["signals"] = [
            {"name": each.name, "quote": each.quote, "url": prospect.website}
            for each in params.signals
        ]
        for name, value in found.items():
            if name not in kept:
                setattr(prospect, name, value)
        if "timezone" not in kept:
            prospect.timezone = prospects.timezone_of(prospect)
        contacts = _write_contacts(prospect, params.contacts)
        if not prospect.email and "email" not in kept:
            lead = prospect.contacts.filter(is_primary=True).first()
            prospect.email = lead.email if lead is not None else ""
        if prospect.status in (Prospect.Status.NEW, Prospect.Status.DROPPED):
            prospect.status = Prospect.Status.RESEARCHED
            prospect.drop_reason = ""
        prospect.researched_at = clock.now()
        prospect.save(update_fields=[*SET, "drop_reason"])
        facts = _write_facts(prospect, params.facts)
        keys = prospects.learn_keys(prospect)
        return {"facts": facts, "contacts": contacts, "keys": keys, "kept": sorted(kept)}

    def done(self, action: Action, params: EnrichParams) -> None:
        """Hand over to Outreach, unless it is on its way already."""
        prospect = _prospect(action)
        live.broadcast("prospects", f"prospect:{prospect.pk}")
        if prospect.status == Prospect.Status.RESEARCHED:
            events.emit(
                RESEARCHED,
                subject=prospect,
                correlation_id=action.correlation_id,
                data={"fit": prospect.fit},
            )

    def undo(self, action: Action, params: EnrichParams) -> None:
        """Put back what was known before, unless it was written to on the strength of this."""
        prospect = _locked(action)
        if prospect.status not in (Prospect.Status.RESEARCHED, action.before["status"]):
            raise kinds.Blocked("it was written to since")
        before = action.before
        kept = overrides.fields(prospect)
        for name in SET:
            if name not in kept:
                setattr(prospect, name, before[name])
        then = before["researched_at"]
        prospect.researched_at = dt.datetime.fromisoformat(then) if then else None
        prospect.save(update_fields=list(SET))
        prospect.facts.all().delete()
        Fact.objects.bulk_create(Fact(prospect=prospect, **fact) for fact in before["facts"])
        added = Contact.objects.filter(pk__in=action.effect["contacts"])
        added.exclude(pk__in=Enrollment.objects.values("contact")).delete()
        ProspectKey.objects.filter(pk__in=action.effect["keys"], prospect=prospect).delete()
        live.broadcast("prospects", f"prospect:{prospect.pk}")


class DropParams(BaseModel):
    """Why it does not fit."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=200)
    fit: int = Field(ge=0, le=100)


@kinds.register
class DropProspect(kinds.ActionKind[DropParams]):
    """Drop a prospect: it is kept, so that it is not found again, and nobody writes to it."""

    name = "drop_prospect"
    label = "Drops prospects"
    params = DropParams
    stakes = Action.Stakes.LOW
    auto_from_phase = 1

    def summary(self, action: Action, params: DropParams) -> str:
        """Say who and why."""
        return f"Drop {_prospect(action)}: {params.reason}"

    def consequence(self, action: Action, params: DropParams) -> str:
        """Say what follows."""
        return "Nobody writes to it, and a sequence it is in stops."

    def execute(self, action: Action, params: DropParams, guard: kinds.Guard) -> dict[str, Any]:
        """Take it out of the running; whoever has answered is a person's to drop."""
        prospect = _locked(action)
        fields = ("status", "drop_reason", "fit")
        action.before = {name: getattr(prospect, name) for name in fields}
        if prospect.status not in Prospect.OPEN or prospect.status == Prospect.Status.REPLIED:
            return {"dropped": False}
        kept = overrides.fields(prospect)
        found = {"status": Prospect.Status.DROPPED, "drop_reason": params.reason, "fit": params.fit}
        for name, value in found.items():
            if name not in kept:
                setattr(prospect, name, value)
        prospect.save(update_fields=list(fields))
        if prospect.status == Prospect.Status.DROPPED:
            outreach.stop(prospect, Enrollment.Stop.DROPPED)
        live.broadcast("prospects", f"prospect:{prospect.pk}")
        return {"dropped": prospect.status == Prospect.Status.DROPPED}

    def undo(self, action: Action, params: DropParams) -> None:
        """Put it back where it was; a sequence that stopped stays stopped."""
        prospect = _locked(action)
        if not action.effect.get("dropped"):
            raise kinds.Blocked("it was not dropped by this")
        if prospect.status != Prospect.Status.DROPPED:
            raise kinds.Blocked("it is no longer dropped")
        for name, value in action.before.items():
            setattr(prospect, name, value)
        prospect.save(update_fields=list(action.before))
        live.broadcast("prospects", f"prospect:{prospect.pk}")


def _prospect(action: Action) -> Prospect:
    """Return the prospect. Raises Blocked if it is gone."""
    found = Prospect.objects.filter(pk=action.subject_id).first()
    if found is None:
        raise kinds.Blocked("the prospect is no longer there")
    return found


def _locked(action: Action) -> Prospect:
    _prospect(action)
    rows = Prospect.objects.select_for_update(of=("self",)).select_related("ideal_customer")
    return rows.get(pk=action.subject_id)


def _standing(prospect: Prospect) -> dict[str, Any]:
    """Return what research may change, as it stands."""
    facts = prospect.facts.values("kind", "claim", "quote", "url", "seen_at")
    return {
        **{name: getattr(prospect, name) for name in SET},
        "researched_at": prospect.researched_at.isoformat() if prospect.researched_at else None,
        "facts": [{**fact, "seen_at": fact["seen_at"].isoformat()} for fact in facts],
    }


def _write_facts(prospect: Prospect, found: list[FoundFact]) -> int:
    """Let the facts be the found ones; one that was known keeps its row."""
    old = {(fact.claim, fact.quote, fact.url): fact for fact in prospect.facts.all()}
    new = {(fact.claim, fact.quote, fact.url): fact for fact in found}
    prospect.facts.filter(pk__in=[old[key].pk for key in old.keys() - new.keys()]).delete()
    Fact.objects.bulk_create(
        Fact(prospect=prospect, **fact.model_dump()) for key, fact in new.items() if key not in old
    )
    return len(new)


def may_write_to(email: str, prospect: Prospect) -> bool:
    """Whether an address may be the prospect's: its own domain's, or one anybody can have."""
    domain = addresses.domain_of(email)
    own = web.registrable(domain) or domain
    return bool(email) and (own == prospect.domain or addresses.is_free(domain))


def _write_contacts(prospect: Prospect, found: list[FoundContact]) -> list[int]:
    """Add the contacts that are new, of the company's own site only; return their keys."""
    known = {contact.email: contact for contact in prospect.contacts.all() if contact.email}
    names = {contact.name.casefold() for contact in prospect.contacts.all() if contact.name}
    added = []
    for each in found:
        email = each.email.lower()
        shown_there = web.registrable(web.host_of(each.url)) == prospect.domain != ""
        if not shown_there or (email and not may_write_to(email, prospect)):
            continue
        if email in known or (not email and each.name.casefold() in names):
            continue
        row = Contact.objects.create(
            prospect=prospect,
            email=email,
            source_url=each.url,
            **each.model_dump(include={"name", "role", "phone", "linkedin"}),
        )
        if email:
            known[email] = row
        names.add(each.name.casefold())
        added.append(row.pk)
    if known and not prospect.contacts.filter(is_primary=True).exists():
        lead = min(known.values(), key=lambda row: (not row.name, row.pk))
        Contact.objects.filter(pk=lead.pk).update(is_primary=True)
    return added
