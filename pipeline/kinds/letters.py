"""A letter to a lead: what it takes from them, and how it leaves. Its kinds say what for."""

from typing import Any, ClassVar, TypeVar

from django.db.models.functions import Coalesce, Now
from pydantic import BaseModel, ConfigDict, Field, field_validator

from agency import live
from agency.models import AgencyProfile
from control import kinds
from control.models import Action
from integrations import mail
from pipeline.mail import postage
from pipeline.models import Deal, Lead


class LetterParams(BaseModel):
    """A plain-text letter. The recipient is known, never a parameter."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    subject: str = Field(min_length=1, max_length=200)
    body: str = Field(min_length=1, max_length=5_000)

    @field_validator("subject")
    @classmethod
    def one_line(cls, value: str) -> str:
        """Refuse a subject that would end its header line."""
        if "\n" in value or "\r" in value:
            raise ValueError("must be one line")
        return value


L = TypeVar("L", bound=LetterParams)


class LetterToLead(kinds.ActionKind[L]):
    """A mail to somebody who asked. Irrevocable once it left: correct it with another mail."""

    stakes = Action.Stakes.MEDIUM
    outward = True
    channel = "email"
    message_class = "reply"
    editable: ClassVar[tuple[str, ...]] = ("subject", "body")

    def addressee(self, action: Action, params: L) -> tuple[str, str]:
        """Return name and address of whom it goes to."""
        found = lead(action)
        return found.name, found.email

    def files(self, action: Action, params: L) -> list[dict[str, str]]:
        """Return what is attached: filename, content type, text, and a calendar file's method."""
        return []

    def consequence(self, action: Action, params: L) -> str:
        """Say what follows."""
        seconds = AgencyProfile.load().undo_send_seconds
        where = (
            "to the sandbox mailbox; nobody real gets it"
            if mail.world() == "sandbox"
            else f"to {action.rendered.get('to_email', '')}"
        )
        return f"The mail goes out {where}. You can call it back for {seconds} s."

    def render(self, action: Action, params: L) -> dict[str, Any]:
        """Return the mail as it goes out.

        Who wrote by mail is answered from the mailbox they wrote to, in the same conversation;
        anybody else by the profile's sender.
        """
        profile = AgencyProfile.load()
        letter = postage.latest(lead(action))
        box = postage.written_to(letter) if letter is not None else None
        sender = box.from_email if box else profile.sender_email
        name, address = self.addressee(action, params)
        rendered = {
            "world": mail.world(),
            "message_id": f"<{action.pk}@{sender.rpartition('@')[2]}>",
            "answers": [*letter.references, letter.message_id] if letter is not None else [],
            "from_name": box.from_name if box else profile.sender_name,
            "from_email": sender,
            "to_name": name,
            "to_email": address,
            "reply_to": "" if box else profile.reply_to,
            "subject": params.subject,
            "body": params.body,
            "footer": f"{profile.name} · {profile.postal_address}",
        }
        files = self.files(action, params)
        return rendered | {"files": files} if files else rendered

    def source(self, action: Action, params: L) -> str:
        """Return the mail with its headers."""
        return mail.source(message(action.rendered))

    def execute(self, action: Action, params: L, guard: kinds.Guard) -> dict[str, Any]:
        """Send exactly what was approved; its Message-ID is made of the action's id."""
        approved = action.rendered
        if approved["world"] != mail.world():
            raise kinds.Blocked(
                f"it was approved for {approved['world']} mail, which is {mail.world()} now"
            )
        receipt = mail.send(message(approved), before_data=guard)
        return {"message_id": receipt.message_id, "server": receipt.server_reply}

    def undo(self, action: Action, params: L) -> None:
        """Refuse, with the correction."""
        raise kinds.Irrevocable("A mail that left cannot be taken back; write to correct it.")


def message(approved: dict[str, Any]) -> mail.Message:
    """Return the mail that was rendered."""
    files = tuple(
        mail.Attachment(
            filename=one["filename"],
            content_type=one["content_type"],
            content=one["content"].encode(),
            method=one["method"],
        )
        for one in approved.get("files", [])
    )
    found = mail.Message(
        message_id=approved["message_id"],
        from_name=approved["from_name"],
        from_email=approved["from_email"],
        to_name=approved["to_name"],
        to_email=approved["to_email"],
        reply_to=approved["reply_to"],
        subject=approved["subject"],
        text=f"{approved['body']}\n\n-- \n{approved['footer']}\n",
        headers=postage.answers(approved.get("answers", [])),
        attachments=files,
    )
    return postage.stamped(found)


def answered(action: Action) -> None:
    """Note when the lead was first answered; whoever answers it has looked."""
    Lead.objects.filter(pk=action.subject_id).update(
        answered_at=Coalesce("answered_at", Now()), flagged_at=None
    )
    live.broadcast("leads", f"lead:{action.subject_id}", "mailbox")


def lead(action: Action) -> Lead:
    """Return the lead an action is about, itself or by its deal. Raises Blocked if it is gone."""
    if action.subject_type == Deal._meta.label_lower:
        return deal(action).lead
    found = Lead.objects.filter(pk=action.subject_id).first()
    if found is None:
        raise kinds.Blocked("the lead is no longer there")
    return found


def deal(action: Action) -> Deal:
    """Return the deal. Raises Blocked if it is gone."""
    found = Deal.objects.select_related("lead").filter(pk=action.subject_id).first()
    if found is None:
        raise kinds.Blocked("the deal is no longer there")
    return found
