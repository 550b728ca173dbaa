"""The admin shows every model, lets nobody change history, and audits what may be changed."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from agency.models import AuditEntry
from control import alerts, switches
from jobs import endpoints
from pipeline.models import Suppression
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
