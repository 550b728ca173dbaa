"""The brain: ask the model where there is one and the run may afford it, else the agent's rules.

It books every call at its worst case before it is made and settles it after, so that a run's cap
cannot be overshot; it says which engine decided, and why it was not the model.
"""

import concurrent.futures
import time
from collections.abc import Callable, Iterable
from decimal import ROUND_UP, Decimal
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Sum
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
WHOLE = "end_turn"
SMALLEST_USD = Decimal("0.000001")
ENGINE_CHARS = 60


class SwitchesUnseen(Exception):
    """The kill switches cannot be seen, so nothing may go on."""


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
        self._down = ""

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
        distrust: str = "",
    ) -> T:
        """Return a `schema` decided by the model, or by `rules` when the model cannot.

        With `distrust`, which says why, it is not asked.
        Raises Held when a kill switch reaches the run, SwitchesUnseen when nobody can tell, and
        LeaseLost when its job was taken over.
        """
        try:
            if distrust and llm.is_configured():
                raise _RulesDecide(distrust)
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
        return (" + ".join(dict.fromkeys(self.engines)) or RULES)[:ENGINE_CHARS]

    def _ask(
        self, schema: type[T], model: str, system: str, prompt: str, max_tokens: int, step: str
    ) -> T:
        if not llm.is_configured():
            raise _RulesDecide("no model is configured")
        if self._down:
            raise _RulesDecide(self._down)
        question = prompt
        for _ in range(SCHEMA_TRIES):
            answer = self._call(schema, model, system, question, max_tokens, step)
            if answer.stop_reason == "refusal":
                raise _RulesDecide("the model refused")
            if answer.stop_reason == "max_tokens":
                raise _RulesDecide(f"the model's answer was cut off at {max_tokens} tokens")
            if answer.stop_reason != WHOLE:
                raise _RulesDecide(f"the model's answer is not whole: {answer.stop_reason}")
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
        call = self._reserve(schema, model, system, prompt, max_tokens, step)
        give_back_connections()
        future = loop.submit(
            llm.ask(
                model=model,
                system=system,
                user=prompt,
                schema=schema,
                max_tokens=max_tokens,
                timeout=CALL_SECONDS,
            )
        )
        try:
            self._wait(future)
            answer = future.result()
        except ServiceError as error:
            self._fail(call, error)
            raise _RulesDecide(f"the model failed: {error}") from error
        except BaseException as stopped:
            future.cancel()
            self._settle(call, ModelCall.Status.CANCELLED, error=str(stopped))
            raise
        self._settle(
            call,
            ModelCall.Status.ANSWERED,
            usd=_rounded_up(answer.usage.usd),
            input_tokens=answer.usage.input_tokens,
            output_tokens=answer.usage.output_tokens,
            cache_read_tokens=answer.usage.cache_read_tokens,
            cache_write_tokens=answer.usage.cache_write_tokens,
            latency_ms=answer.latency_ms,
            request_id=(answer.request_id or "")[:80],
            stop_reason=(answer.stop_reason or "")[:40],
        )
        return answer

    def _fail(self, call: ModelCall, error: ServiceError) -> None:
        """Book a failed call: as nothing, unless it may have been paid for."""
        if not error.permanent:
            self._down = f"the model failed: {error}"
        if isinstance(error, OutcomeUnknown):
            self._settle(call, ModelCall.Status.FAILED, error=str(error))
        else:
            self._settle(
                call, ModelCall.Status.FAILED, error=str(error), usd=Decimal(0), output_tokens=0
            )

    def check(self) -> None:
        """Raise Held, LeaseLost or SwitchesUnseen when this run must not go on."""
        self.lease.check()
        tag = switches.watch.reached(self.tags)
        if tag == switches.UNSEEN:
            raise SwitchesUnseen("the kill switches cannot be seen")
        if tag is not None:
            raise Held(tag)

    def _wait(self, future: "concurrent.futures.Future[llm.Answer]") -> None:
        """Wait for the answer, giving up at once for a switch, a lost lease, or the deadline."""
        while concurrent.futures.wait([future], timeout=WATCH_SECONDS).not_done:
            self.check()
            if self.is_over_time():
                self.trip_over_time()
                raise _RulesDecide(f"the run's cap is reached: {self.limits.seconds:g} seconds")

    def is_over_time(self) -> bool:
        """Whether the run has used up its seconds."""
        return time.monotonic() >= self.deadline

    def trip_over_time(self) -> None:
        """Stop the agent, whose run takes longer than it may."""
        trips.trip(
            KillSwitch.Scope.AGENT,
            self.run.agent,
            cause="over its time",
            reason=f"one run took longer than {self.limits.seconds:g} s",
        )

    def _reserve(
        self,
        schema: type[BaseModel],
        model: str,
        system: str,
        prompt: str,
        max_tokens: int,
        step: str,
    ) -> ModelCall:
        """Book the worst case in a commit of its own, if the run's caps allow it."""
        try:
            usd = _rounded_up(llm.worst_case(model, system, prompt, max_tokens, schema).usd)
        except ServiceError as error:
            raise _RulesDecide(str(error)) from error
        with transaction.atomic():
            run = Run.objects.select_for_update().get(pk=self.run.pk)
            over = self._over(run, usd, max_tokens)
            if over:
                raise _RulesDecide(f"the run's cap is reached: {over}")
            Run.objects.filter(pk=run.pk).update(
                calls=F("calls") + 1,
                cost_usd=F("cost_usd") + usd,
                tokens=F("tokens") + max_tokens,
            )
            return ModelCall.objects.create(
                run=run,
                step=step,
                client=run.client,
                model=model,
                reserved_usd=usd,
                output_tokens=max_tokens,
                started_at=timezone.now(),
            )

    def _over(self, run: Run, usd: Decimal, max_tokens: int) -> str:
        if run.calls + 1 > self.limits.calls:
            return f"{self.limits.calls} calls"
        booked = run.model_calls.aggregate(tokens=Sum("output_tokens"))["tokens"] or 0
        if booked + max_tokens > self.limits.output_tokens:
            return f"{self.limits.output_tokens} tokens of output"
        if run.cost_usd + usd > self.limits.usd:
            return f"${self.limits.usd}"
        if self.is_over_time():
            return f"{self.limits.seconds:g} seconds"
        return ""

    def _settle(self, call: ModelCall, status: str, **found: Any) -> None:
        """Replace what was booked by what was found; in doubt what was booked stands."""
        found.setdefault("usd", call.reserved_usd)
        found.setdefault("output_tokens", call.output_tokens)
        tokens = sum(value for name, value in found.items() if name.endswith("_tokens"))
        with transaction.atomic():
            won = ModelCall.objects.filter(pk=call.pk, status=ModelCall.Status.RESERVED).update(
                status=status, **found
            )
            if won:
                Run.objects.filter(pk=call.run_id).update(
                    cost_usd=F("cost_usd") - call.reserved_usd + found["usd"],
                    tokens=F("tokens") - call.output_tokens + tokens,
                )


def _rounded_up(usd: Decimal) -> Decimal:
    """Return what is booked, in whole millionths, so that calls add up to their run."""
    return usd.quantize(SMALLEST_USD, ROUND_UP)
