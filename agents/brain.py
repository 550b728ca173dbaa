"""The brain: ask the model where there is one and the run may afford it, else the agent's rules.

It books every call at its worst case before it is made and settles it after, so that a run's cap
cannot be overshot; it says which engine decided, and why it was not the model.
"""

import concurrent.futures
import logging
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from pydantic import BaseModel, ValidationError

from agency import loop
from agency.db import give_back_connections
from agents.contract import Limits
from agents.models import ModelCall, Run
from control import switches, trips
from control.models import KillSwitch
from integrations import llm
from integrations.errors import OutcomeUnknown, ServiceError
from jobs.lease import Held, Lease

T = TypeVar("T", bound=BaseModel)

RULES = "rules"
CALL_SECONDS = 60.0
WATCH_SECONDS = 0.05
SCHEMA_TRIES = 2

log = logging.getLogger(__name__)


class _RulesDecide(Exception):
    """The model is out of it for this decision; the message says why."""


class Brain:
    """Decides for one run, within its limits."""

    def __init__(self, run: Run, limits: Limits, lease: Lease, tags: Iterable[str]) -> None:
        self.run = run
        self.limits = limits
        self.lease = lease
        self.tags = tuple(tags)
        self.deadline = time.monotonic() + limits.seconds
        self.engines: list[str] = []
        self.reasons: list[str] = []
        self._output_tokens = 0

    def decide(
        self,
        schema: type[T],
        *,
        model: str,
        system: str,
        prompt: str,
        rules: Callable[[], T],
        max_tokens: int = 1_000,
        step: str = "",
    ) -> T:
        """Return a `schema` decided by the model, or by `rules` when the model cannot.

        Raises Held when a kill switch reaches the run and LeaseLost when its job was taken over.
        """
        try:
            value = self._ask(schema, model, system, prompt, max_tokens, step)
        except _RulesDecide as why:
            self.reasons.append(str(why))
            value = rules()
            self.engines.append(RULES)
        else:
            self.engines.append(model)
        return value

    @property
    def engine(self) -> str:
        """Who decided: the model's name, `rules`, or both when they shared the run."""
        return " + ".join(dict.fromkeys(self.engines)) or RULES

    def _ask(
        self, schema: type[T], model: str, system: str, prompt: str, max_tokens: int, step: str
    ) -> T:
        if not llm.is_configured():
            raise _RulesDecide("no model is configured")
        question = prompt
        for _ in range(SCHEMA_TRIES):
            answer = self._call(schema, model, system, question, max_tokens, step)
            if answer.stop_reason == "refusal":
                raise _RulesDecide("the model refused")
            try:
                return schema.model_validate_json(answer.text)
            except ValidationError as error:
                reason = error.errors(include_url=False, include_input=False)[0]["msg"]
                question = f"{prompt}\n\nYour last answer did not fit the schema: {reason}"
        trips.trip(
            KillSwitch.Scope.AGENT,
            self.run.agent,
            cause="answers that do not fit",
            reason=f"{model} answered {SCHEMA_TRIES} times outside the schema {schema.__name__}",
        )
        raise _RulesDecide("the model's answers did not fit the schema")

    def _call(
        self,
        schema: type[BaseModel],
        model: str,
        system: str,
        prompt: str,
        max_tokens: int,
        step: str,
    ) -> llm.Answer:
        self.check()
        call = self._reserve(model, system, prompt, max_tokens, step)
        left = self.deadline - time.monotonic()
        give_back_connections()
        future = loop.submit(
            llm.ask(
                model=model,
                system=system,
                user=prompt,
                schema=schema,
                max_tokens=max_tokens,
                timeout=min(CALL_SECONDS, left),
            )
        )
        try:
            answer = self._wait(future)
        except ServiceError as error:
            doubt = isinstance(error, OutcomeUnknown)
            usd = call.reserved_usd if doubt else Decimal(0)
            self._settle(call, ModelCall.Status.FAILED, usd=usd, error=str(error))
            raise _RulesDecide(f"the model failed: {error}") from error
        except BaseException:
            future.cancel()
            self._settle(call, ModelCall.Status.CANCELLED, usd=call.reserved_usd)
            raise
        used = answer.usage
        self._output_tokens += used.output_tokens
        self._settle(
            call,
            ModelCall.Status.ANSWERED,
            usd=used.usd,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cache_read_tokens=used.cache_read_tokens,
            cache_write_tokens=used.cache_write_tokens,
            latency_ms=answer.latency_ms,
            request_id=answer.request_id or "",
            stop_reason=answer.stop_reason or "",
        )
        return answer

    def check(self) -> None:
        """Raise Held, LeaseLost or ServiceError when this run must not go on."""
        self.lease.check()
        tag = switches.watch.reached(self.tags)
        if tag == switches.UNSEEN:
            raise ServiceError("the kill switches cannot be seen", permanent=False)
        if tag is not None:
            raise Held(tag)

    def _wait(self, future: "concurrent.futures.Future[llm.Answer]") -> llm.Answer:
        """Wait for the answer, giving up at once for a switch, a lost lease, or the deadline."""
        while True:
            try:
                return future.result(timeout=WATCH_SECONDS)
            except concurrent.futures.TimeoutError:
                self.check()
                if time.monotonic() > self.deadline:
                    reason = f"it ran longer than {self.limits.seconds:g} s"
                    trips.trip(
                        KillSwitch.Scope.AGENT, self.run.agent, cause="over its time", reason=reason
                    )
                    future.cancel()
                    raise OutcomeUnknown(reason) from None

    def _reserve(
        self, model: str, system: str, prompt: str, max_tokens: int, step: str
    ) -> ModelCall:
        """Book the worst case in a commit of its own, if the run's caps allow it."""
        try:
            worst = llm.worst_case(model, system, prompt, max_tokens)
        except ServiceError as error:
            raise _RulesDecide(str(error)) from error
        with transaction.atomic():
            run = Run.objects.select_for_update().get(pk=self.run.pk)
            over = self._over(run, worst.usd, max_tokens)
            if over:
                raise _RulesDecide(f"the run's cap is reached: {over}")
            Run.objects.filter(pk=run.pk).update(
                calls=F("calls") + 1, cost_usd=F("cost_usd") + worst.usd
            )
            return ModelCall.objects.create(
                run=run,
                step=step,
                client=run.client,
                model=model,
                reserved_usd=worst.usd,
                started_at=timezone.now(),
            )

    def _over(self, run: Run, usd: Decimal, max_tokens: int) -> str:
        if run.calls + 1 > self.limits.calls:
            return f"{self.limits.calls} calls"
        if self._output_tokens + max_tokens > self.limits.output_tokens:
            return f"{self.limits.output_tokens} tokens of output"
        if run.cost_usd + usd > self.limits.usd:
            return f"${self.limits.usd}"
        if time.monotonic() >= self.deadline:
            return f"{self.limits.seconds:g} seconds"
        return ""

    def _settle(
        self, call: ModelCall, status: str, *, usd: Decimal = Decimal(0), **found: object
    ) -> None:
        """Replace the reservation by what it cost; in doubt the reservation stands as the cost."""
        tokens = int(str(found.get("input_tokens", 0))) + int(str(found.get("output_tokens", 0)))
        with transaction.atomic():
            ModelCall.objects.filter(pk=call.pk, status=ModelCall.Status.RESERVED).update(
                status=status, usd=usd, **found
            )
            Run.objects.filter(pk=call.run_id).update(
                cost_usd=F("cost_usd") - call.reserved_usd + usd, tokens=F("tokens") + tokens
            )
