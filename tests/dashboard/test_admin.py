"""The admin shows every model, lets nobody change history, and audits what may be changed."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from agency.models import AuditEntry
from control import alerts, switches
from jobs import endpoints
from pipeline.models import Mailbox, Suppression
from tests.factories import received

OURS = ("agency", "jobs", "control", "pipeline", "agents")
MODELS = [model for app in OURS for model in apps.get_app_config(app).get_models()]
HISTORY = [
    "auditentry",
    "auditseal",
    "auditunsealed",
    "archivedjob",
    "decision",
    "action",
    "run",
    "step",
    "modelcall",
    "agentconfig",
    "event",
    "delivery",
    "job",
    "killswitch",
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_model_is_there(model: type, browser: Client) -> None:
    received()
    alerts.raise_alert("a", "Title")
    switches.engage("channel", "email", reason="x", by="olivia")
    endpoints.create("leads", "website")
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"  # type: ignore[attr-defined]
    assert browser.get(reverse(f"{name}_changelist")).status_code == 200
    row = model._default_manager.first()  # type: ignore[attr-defined]
    if row is not None:
        assert browser.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("name", HISTORY)
def test_history_is_only_read(name: str, rf: RequestFactory, operator: object) -> None:
    (model,) = [model for model in MODELS if model._meta.model_name == name]
    request = rf.get("/")
    request.user = operator  # type: ignore[assignment]
    shown = admin.site._registry[model]
    assert not shown.has_add_permission(request)
    assert not shown.has_change_permission(request)
    assert not shown.has_delete_permission(request)
    assert shown.has_view_permission(request)


def test_a_change_in_the_admin_is_audited(browser: Client) -> None:
    data = {"scope": "domain", "value": "spam.example", "reason": "asked us to"}
    browser.post(reverse("admin:pipeline_suppression_add"), data)
    row = Suppression.objects.get()
    assert "spam.example" in AuditEntry.objects.get(verb="suppression.made_in_admin").sentence
    browser.post(reverse("admin:pipeline_suppression_delete", args=[row.pk]), {"post": "yes"})
    assert AuditEntry.objects.filter(verb="suppression.deleted_in_admin").exists()


MAILBOX = {
    "name": "Sam",
    "from_name": "Sam Rivera",
    "from_email": "Sam@Mail.Northwind.example",
    "smtp_url": "smtps://sam:secret@mail.northwind.example",
    "imap_url": "imaps://sam:secret@mail.northwind.example",
    "ramp_start": "20",
    "ramp_growth": "20",
    "daily_cap": "120",
    "active": "on",
}


def test_a_mailbox_is_added_with_its_domains_key_and_never_shows_its_password(
    browser: Client,
) -> None:
    browser.post("/admin/pipeline/mailbox/add/", MAILBOX)
    box = Mailbox.objects.get(from_email="sam@mail.northwind.example")
    assert box.domain.domain == "mail.northwind.example"
    assert box.domain.dkim_private_key
    url = reverse("admin:pipeline_mailbox_change", args=[box.pk])
    assert "secret" not in browser.get(url).content.decode()

    browser.post(url, MAILBOX | {"smtp_url": "", "imap_url": "", "active": ""})
    box.refresh_from_db()
    assert not box.active
    assert box.smtp_url == MAILBOX["smtp_url"]
    assert box.imap_url == MAILBOX["imap_url"]
    trail = AuditEntry.objects.filter(verb__startswith="mailbox.")
    assert trail.count() == 2
    assert not trail.filter(data__icontains="secret").exists()


def test_what_is_no_servers_address_is_refused(browser: Client) -> None:
    wrong = MAILBOX | {"smtp_url": "https://mail.example", "imap_url": "imaps://"}
    assert browser.post("/admin/pipeline/mailbox/add/", wrong).status_code == 200
    assert not Mailbox.objects.filter(from_email="sam@mail.northwind.example").exists()
