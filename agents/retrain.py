"""Retrain: refit the Qualifier's weights to what was won and lost, and show how well they fit."""

import re
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from agents import configs, rubric
from agents.models import AgentConfig, Run
from control.models import Action, Decision
from jobs import queue, registry
from jobs.lease import Lease
from jobs.models import Job
from pipeline.models import Lead

Vector = NDArray[np.float64]

ENOUGH = 20
ENOUGH_OF_EACH = 5
PULL = 1.0
POINTS_PER_LOGIT = 15.0
NEWTON_STEPS = 100
TINY = 1e-8
LEAST_POINTS = 0.5
MOST_AGAINST = 100.0
FOLDS = 5
BINS = 5
EXAMPLES = 5
SIMULATED_RUNS = 50


class TooFew(Exception):
    """There are not enough outcomes to learn from."""


def start(*, by: str) -> Job:
    """Enqueue a refit of the Qualifier. Raises TooFew."""
    _check(list(_outcomes()))
    return queue.enqueue("agents.retrain", {"by": by}, tags=["agent:qualifier"])


@registry.register("agents.retrain", max_attempts=2)
def retrain(job: Job, lease: Lease) -> None:
    """Refit, and keep the result as a new version that somebody may deploy."""
    with transaction.atomic():
        lease.check_row()
        refit(by=job.payload["by"])
        lease.complete()


def refit(*, by: str) -> AgentConfig:
    """Return a new, undeployed version of the Qualifier's settings. Raises TooFew.

    Its report holds the calibration, cross-validated: what it predicts for leads it has not seen,
    beside how they ended; and how the last runs would have come out.
    """
    leads = list(_outcomes())
    _check(leads)
    names = list(rubric.SIGNALS)
    old = configs.deployed("qualifier")
    weights = rubric.default_weights() | old.settings["weights"]
    start_at = np.array([weights[name] for name in names]) / POINTS_PER_LOGIT
    used = _weights_used(leads)
    x = np.array([_strengths(lead, names, used.get(str(lead.pk), weights)) for lead in leads])
    y = np.array([float(lead.outcome == Lead.Outcome.WON) for lead in leads])
    fitted = fit(x, y, start_at)
    new_weights = _points(fitted[1:], names)
    report = calibration(x, y, start_at) | {
        "simulation": simulate(weights, new_weights, old.settings)
    }
    return configs.create(
        "qualifier",
        old.settings | {"weights": new_weights, "examples": _examples()},
        by=by,
        note=f"Retrained on {len(leads)} outcomes",
        report=report,
    )


def fit(x: Vector, y: Vector, start_at: Vector) -> Vector:
    """Return intercept and coefficients of a logistic regression pulled towards `start_at`.

    Maximum a posteriori by Newton's method on the log likelihood (Hastie, Tibshirani, Friedman,
    The Elements of Statistical Learning, 4.4.1), its steps halved until they improve it, with a
    Gaussian prior of precision PULL around `start_at`; the intercept is free. x is (n, k) with
    strengths 0 to 1, y is (n,) of 0 and 1.
    """
    design = np.column_stack([np.ones(len(x)), x])
    prior = np.concatenate([[0.0], start_at])
    precision = np.concatenate([[1e-6], np.full(x.shape[1], PULL)])

    def goodness(beta: Vector) -> float:
        z = design @ beta
        likelihood = np.sum(y * z - np.logaddexp(0.0, z))
        return float(likelihood - np.sum(precision * (beta - prior) ** 2) / 2)

    beta = prior.copy()
    beta[0] = -np.mean(x @ start_at)
    best = goodness(beta)
    for _ in range(NEWTON_STEPS):
        p = _sigmoid(design @ beta)
        gradient = design.T @ (y - p) - precision * (beta - prior)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.diag(precision)
        step: Vector = np.linalg.solve(hessian, gradient)
        while (found := goodness(beta + step)) < best and np.max(np.abs(step)) > TINY:
            step = step / 2
        if np.max(np.abs(step)) <= TINY:
            break
        beta, best = beta + step, found
    return beta


def calibration(x: Vector, y: Vector, start_at: Vector) -> dict[str, Any]:
    """Return how well a refit predicts leads it has not seen (k-fold cross-validation).

    `brier` is the mean squared error of the predicted chance to win (0 is perfect), `auc_old` and
    `auc_new` the chance that a won lead ranks above a lost one before and after; `bins` pairs the
    mean prediction with the share really won.
    """
    predicted = np.zeros(len(y))
    fold_of = np.arange(len(y)) % FOLDS
    for fold in range(FOLDS):
        rest = fold_of != fold
        beta = fit(x[rest], y[rest], start_at)
        predicted[~rest] = _sigmoid(beta[0] + x[~rest] @ beta[1:])
    bins = []
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        inside = (predicted >= low) & ((predicted < high) | (number == BINS - 1))
        if inside.any():
            bins.append(
                {
                    "from": round(low * 100),
                    "to": round(high * 100),
                    "leads": int(inside.sum()),
                    "predicted": round(float(predicted[inside].mean()), 3),
                    "won": round(float(y[inside].mean()), 3),
                }
            )
    return {
        "outcomes": len(y),
        "won": int(y.sum()),
        "brier": round(float(np.mean((predicted - y) ** 2)), 3),
        "auc_old": round(_auc(x @ start_at, y), 3),
        "auc_new": round(_auc(predicted, y), 3),
        "bins": bins,
    }


def simulate(
    old: dict[str, float], new: dict[str, float], settings: dict[str, Any]
) -> dict[str, Any]:
    """Return how the last runs would have come out by rules with the new weights."""
    runs = Run.objects.filter(agent="qualifier", status=Run.Status.COMPLETED, replay_of=None)
    shifts, changed = [], 0
    for run in runs.order_by("-started_at")[:SIMULATED_RUNS]:
        judged = rubric.judge(rubric.LeadFacts.model_validate(run.input))
        before, after = rubric.total(judged, old)[0], rubric.total(judged, new)[0]
        shifts.append(after - before)
        changed += _band(before, settings) != _band(after, settings)
    mean = round(sum(shifts) / len(shifts), 1) if shifts else 0.0
    return {"runs": len(shifts), "changed": changed, "mean_shift": mean}


def _band(score: int, settings: dict[str, Any]) -> int:
    return int(score >= settings["qualified_from"]) + int(score >= settings["review_from"])


def _outcomes() -> "QuerySet[Lead]":
    ended = Lead.objects.exclude(outcome=Lead.Outcome.OPEN).exclude(score_parts=[])
    return ended.order_by("received_at", "pk")


def _check(leads: list[Lead]) -> None:
    won = sum(lead.outcome == Lead.Outcome.WON for lead in leads)
    lost = len(leads) - won
    if len(leads) < ENOUGH or min(won, lost) < ENOUGH_OF_EACH:
        raise TooFew(
            f"Retraining needs {ENOUGH} scored leads marked won or lost, at least"
            f" {ENOUGH_OF_EACH} of each; there are {won} won and {lost} lost."
        )


def _weights_used(leads: list[Lead]) -> dict[str, dict[str, float]]:
    """Return, by lead, the weights its score was made with."""
    scored = Run.objects.filter(
        agent="qualifier",
        status=Run.Status.COMPLETED,
        replay_of=None,
        subject_id__in=[str(lead.pk) for lead in leads],
        proposals__contains=[{"kind": "qualify_lead"}],
    )
    rows = scored.order_by("started_at").values_list("subject_id", "config__settings")
    return {lead: settings["weights"] for lead, settings in rows}


def _strengths(lead: Lead, names: list[str], weights: dict[str, float]) -> list[float]:
    """Return each signal's strength as it was judged, from the points it gave."""
    points = {part["signal"]: part["points"] for part in lead.score_parts}
    return [
        min(1.0, max(0.0, points.get(name, 0) / weights[name])) if weights.get(name) else 0.0
        for name in names
    ]


def _points(beta: Vector, names: list[str]) -> dict[str, float]:
    """Return the coefficients as points: what speaks for a lead adds up to 100 again.

    No sign turns, and none falls silent: a signal without points could not be learned from again.
    """
    raw = {name: float(value) * POINTS_PER_LOGIT for name, value in zip(names, beta, strict=True)}
    kept = {
        name: max(LEAST_POINTS, value)
        if rubric.SIGNALS[name].points > 0
        else min(-LEAST_POINTS, value)
        for name, value in raw.items()
    }
    scale = 100 / sum(value for value in kept.values() if value > 0)
    return {name: round(max(-MOST_AGAINST, value * scale), 1) for name, value in kept.items()}


def _examples() -> list[str]:
    """Return the operator's latest own wordings, without whom they were written to."""
    dropped = (Action.Status.REJECTED, Action.Status.REVISE, Action.Status.EXPIRED)
    edits = (
        Decision.objects.filter(
            verdict=Decision.Verdict.EDIT, action__kind="reply_to_lead", diff__has_key="body"
        )
        .exclude(action__status__in=dropped)
        .select_related("action")
        .order_by("action", "-pk")
        .distinct("action")
    )
    newest = sorted(edits, key=lambda edit: -edit.pk)[:EXAMPLES]
    return [_anonymous(str(edit.diff["body"]["to"]), edit.action)[:1500] for edit in newest]


def _anonymous(text: str, action: Action) -> str:
    """Return `text` without the lead: it will be in the prompts of other people's answers."""
    lead = Lead.objects.get(pk=action.subject_id)
    text = re.sub(r"“[^”]*”", "“[their words]”", text)
    for said in (lead.email, lead.phone, lead.website, lead.company, lead.name, *lead.name.split()):
        if len(said) > 2:
            text = re.sub(rf"(?<!\w){re.escape(said)}(?!\w)", "[lead]", text)
    return text


def _sigmoid(value: Vector) -> Vector:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(value, -30, 30))))


def _auc(score: Vector, y: Vector) -> float:
    won, lost = score[y == 1], score[y == 0]
    above = (won[:, None] > lost[None, :]).mean()
    ties = (won[:, None] == lost[None, :]).mean()
    return float(above + ties / 2)
