"""Retraining: what was won and lost teaches weights; what the operator wrote becomes examples."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from agents import configs, retrain, rubric
from agents.models import AgentConfig, Run
from agents.rubric import SIGNALS, Judged
from control import approvals
from control.models import Action
from jobs.models import Job
from pipeline import leads
from pipeline.models import Lead
from tests import factories

NOISE = 0.15
PLANTED = "talk"


def ended(outcome: str, strengths: dict[str, float], **fields: Any) -> Lead:
    """Return a lead scored with the default weights that was won or lost."""
    judged = [Judged(signal=name, strength=much, why="x") for name, much in strengths.items()]
    score, parts = rubric.total(judged, rubric.default_weights())
    return factories.make_lead(
        score=score, status="review", score_parts=parts, outcome=outcome, **fields
    )


def history(count: int = 60, *, signal: str = PLANTED, seed: int = 1) -> None:
    """Make leads of which those with `signal` were mostly won, all else being chance."""
    dice = random.Random(seed)
    for number in range(count):
        strengths = {
            name: float(dice.random() < 0.5) for name, each in SIGNALS.items() if each.points > 0
        }
        strengths["detail"] = dice.random()
        won = bool(strengths[signal]) != (dice.random() < NOISE)
        ended("won" if won else "lost", strengths, email=f"lead{number}@company.example")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("won", "lost", "said"), [(0, 0, "0 won and 0 lost"), (16, 4, "16 won and 4 lost")]
)
def test_too_few_outcomes_say_what_is_missing(won: int, lost: int, said: str) -> None:
    for outcome in ["won"] * won + ["lost"] * lost:
        ended(outcome, {"soon": 1.0})
    ended("open", {"soon": 1.0})
    with pytest.raises(retrain.TooFew) as caught:
        retrain.start(by="olivia")
    assert str(caught.value) == (
        "Retraining needs 20 scored leads marked won or lost, at least 5 of each;"
        f" there are {said}."
    )
    assert not Job.objects.filter(kind="agents.retrain").exists()


@pytest.mark.django_db
def test_it_learns_what_won_and_shows_how_well_it_predicts() -> None:
    history()
    before = rubric.default_weights()

    config = retrain.refit(by="olivia")

    after = config.settings["weights"]
    assert after[PLANTED] > 1.5 * before[PLANTED]
    assert max(after, key=lambda name: after[name] / abs(before[name])) == PLANTED
    report = config.report
    assert report["outcomes"] == 60
    assert 0 < report["won"] < 60
    assert report["auc_new"] > max(0.7, report["auc_old"])
    assert report["brier"] < 0.25
    assert sum(bin_["leads"] for bin_ in report["bins"]) == 60
    for number in (
        *(report["brier"], report["auc_old"], report["auc_new"]),
        *(bin_[part] for bin_ in report["bins"] for part in ("predicted", "won")),
    ):
        assert 0 <= number <= 1
    for bin_ in report["bins"]:
        assert bin_["from"] / 100 - 0.001 <= bin_["predicted"] <= bin_["to"] / 100 + 0.001


@pytest.mark.django_db
def test_what_it_learned_is_a_version_that_waits_to_be_deployed() -> None:
    history()
    retrain.start(by="olivia")
    factories.work_off()

    assert Job.objects.get(kind="agents.retrain").status == "completed"
    config = AgentConfig.objects.get(version=2)
    assert (config.created_by, config.note) == ("olivia", "Retrained on 60 outcomes")
    assert config.report["outcomes"] == 60
    assert configs.deployed("qualifier").version == 1

    configs.deploy(config, by="olivia")

    lead = factories.received()
    run = Run.objects.get(subject_id=str(lead.pk))
    assert run.config == config
    score, _ = rubric.total(
        rubric.judge(rubric.LeadFacts.model_validate(run.input)), config.settings["weights"]
    )
    assert lead.score == score


@pytest.mark.django_db
def test_the_same_history_teaches_the_same() -> None:
    history()
    first, second = retrain.refit(by="olivia"), retrain.refit(by="olivia")
    assert first.settings == second.settings
    assert first.report == second.report


@pytest.mark.django_db
def test_the_report_says_how_the_last_runs_would_have_come_out() -> None:
    history()
    for _ in range(3):
        factories.received()
    simulation = retrain.refit(by="olivia").report["simulation"]
    assert simulation["runs"] == 3
    assert 0 <= simulation["changed"] <= 3
    assert simulation["mean_shift"] != 0


@pytest.mark.django_db
def test_no_signal_is_silenced_or_turned_and_the_gains_add_up_to_100() -> None:
    history(signal="price", seed=2)
    weights = retrain.refit(by="olivia").settings["weights"]
    for name, signal in SIGNALS.items():
        assert weights[name] * signal.points > 0
    assert sum(value for value in weights.values() if value > 0) == pytest.approx(100, abs=1)


@pytest.mark.django_db
def test_it_reads_strengths_by_the_weights_a_lead_was_scored_with() -> None:
    halved = {name: points / 2 for name, points in rubric.default_weights().items()}
    settings = configs.deployed("qualifier").settings | {"weights": halved}
    configs.deploy(configs.create("qualifier", settings, by="olivia"), by="olivia")
    lead = factories.received(message="We are a leading SEO company, dear sir.")
    names = list(SIGNALS)
    judged = {item.signal: item.strength for item in rubric.judge(_facts(lead))}

    used = retrain._weights_used([lead])[str(lead.pk)]

    assert used == halved
    assert retrain._strengths(lead, names, used) == pytest.approx(
        [judged[name] for name in names], abs=0.02
    )
    assert judged["spam"] == 1


def _facts(lead: Lead) -> rubric.LeadFacts:
    return rubric.LeadFacts.model_validate(Run.objects.get(subject_id=str(lead.pk)).input)


@pytest.mark.django_db
def test_the_operators_wordings_become_examples_without_whom_they_were_for() -> None:
    user = factories.make_user()
    history()
    factories.received()
    reply = Action.objects.get(kind="reply_to_lead")
    for body in (
        "A first try.",
        "Hi Dana,\n\ngood that Harbor Plumbing wrote: “We miss half our calls”. Shall we talk?",
    ):
        reply = approvals.edit(reply, {"body": body}, by=user, seen_hash=reply.content_hash)
    approvals.approve(reply, by=user, seen_hash=reply.content_hash)

    config = retrain.refit(by="olivia")

    assert config.settings["examples"] == [
        "Hi [lead],\n\ngood that [lead] wrote: “[their words]”. Shall we talk?"
    ]


@pytest.mark.django_db
def test_a_rejected_wording_is_no_example() -> None:
    user = factories.make_user()
    history()
    factories.received()
    reply = Action.objects.get(kind="reply_to_lead")
    reply = approvals.edit(reply, {"body": "Hm."}, by=user, seen_hash=reply.content_hash)
    approvals.reject(reply, by=user, seen_hash=reply.content_hash, reason="No")
    assert retrain.refit(by="olivia").settings["examples"] == []


@pytest.mark.django_db
def test_an_outcome_set_in_the_app_counts() -> None:
    user = factories.make_user()
    history(count=19)
    lead = factories.received()
    leads.set_outcome(lead, "won", by=user)
    assert retrain.refit(by="olivia").report["outcomes"] == 20


OUTCOMES = st.lists(st.booleans(), min_size=20, max_size=60).filter(
    lambda y: min(sum(y), len(y) - sum(y)) >= 5
)


@settings_of_hypothesis(deadline=None, max_examples=20)
@given(OUTCOMES, st.integers(0, 2**32 - 1), st.floats(-10, 10))
def test_the_fit_always_ends_and_predicts_chances(
    outcomes: list[bool], seed: int, start: float
) -> None:
    x = np.random.default_rng(seed).random((len(outcomes), len(SIGNALS))).round(1)
    y = np.array(outcomes, dtype=float)
    start_at = np.full(len(SIGNALS), start)

    beta = retrain.fit(x, y, start_at)
    report = retrain.calibration(x, y, start_at)

    assert np.isfinite(beta).all()
    predicted = 1 / (1 + np.exp(-(beta[0] + x @ beta[1:])))
    assert predicted.mean() == pytest.approx(y.mean(), abs=1e-3)
    assert all(0 <= report[name] <= 1 for name in ("brier", "auc_old", "auc_new"))
    weights = retrain._points(beta[1:], list(SIGNALS))
    assert all(-100 <= value <= 100 for value in weights.values())


def test_without_evidence_the_fit_stays_where_it_was() -> None:
    start_at = np.array([1.0, -2.0])
    beta = retrain.fit(np.zeros((20, 2)), np.array([0.0, 1.0] * 10), start_at)
    assert beta[1:] == pytest.approx(start_at)
    assert beta[0] == pytest.approx(0)
