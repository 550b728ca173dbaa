"""Claude, through Anthropic's SDK: one question, one structured answer, what it used and cost.

`ask` belongs on the process's one loop (`agency.loop.submit(llm.ask(...))`), where cancelling the
future closes the connection at once. Whether a call may be made, and booking it, is the caller's.

The SDK takes seconds to import: a process that asks nothing never does, and one that asks does
so in `worst_case`, in the caller's thread and not on the loop.
"""

from __future__ import annotations

import asyncio
import string
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.conf import settings
from pydantic import BaseModel, ConfigDict

from integrations.errors import OutcomeUnknown, ServiceError

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic.types import TextBlockParam

PROVIDER = "anthropic"
RETRIES = 2
CONNECT_SECONDS = 5.0
# A longer Retry-After is for the caller to wait for, without holding a thread and a connection.
LONGEST_RETRY_AFTER = 10.0
# What the API adds to a prompt: roles, and the instruction to follow a schema.
FRAMING_TOKENS = 1_000
_PLAIN = (string.ascii_letters + string.whitespace).encode()

_clients: WeakKeyDictionary[
    asyncio.AbstractEventLoop, tuple[tuple[str, str], anthropic.AsyncAnthropic]
] = WeakKeyDictionary()


class UnknownPrice(ServiceError):
    """No price is known for this model, so that no budget could hold it."""

    def __init__(self, model: str) -> None:
        super().__init__(f"no price is known for the model {model!r}", permanent=True)


@dataclass(frozen=True)
class Worst:
    """The most a call can use, input and output together, and cost."""

    tokens: int
    usd: Decimal


@dataclass(frozen=True)
class Usage:
    """What a call used. As on Anthropic's bill, `input_tokens` leaves out both kinds of cached."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    usd: Decimal


@dataclass(frozen=True)
class Answer:
    """An answer as it came: with a `stop_reason` but `end_turn`, `text` may be half or empty."""

    text: str
    stop_reason: str | None
    model: str
    request_id: str | None
    latency_ms: int
    usage: Usage


def is_configured() -> bool:
    return bool(settings.ANTHROPIC_API_KEY)


def worst_case(
    model: str,
    system: str,
    user: str,
    max_tokens: int,
    schema: type[BaseModel] | None = None,
) -> Worst:
    """Return the most this call can use and cost. Raises UnknownPrice.

    Offline, hence an upper estimate: two bytes a token in ASCII words (Claude takes about four),
    one byte a token in all else, which no tokenizer of bytes can exceed; all of it at the dearest
    rate there is, that of writing the cache.
    """
    import anthropic
    import genai_prices

    texts = [system, user]
    if schema is not None:
        texts.append(str(anthropic.transform_schema(schema)))
    tokens = FRAMING_TOKENS + sum(map(_most_tokens, texts))
    usage = genai_prices.Usage(
        input_tokens=tokens, cache_write_tokens=tokens, output_tokens=max_tokens
    )
    try:
        price = genai_prices.calc_price(usage, model, provider_id=PROVIDER)
    except LookupError:
        raise UnknownPrice(model) from None
    return Worst(tokens=tokens + max_tokens, usd=price.total_price)


def _most_tokens(text: str) -> int:
    data = text.encode(errors="surrogatepass")
    odd = len(data.translate(None, _PLAIN))
    return odd + -(-(len(data) - odd) // 2)


async def ask(
    *,
    model: str,
    system: str,
    user: str,
    schema: type[BaseModel],
    max_tokens: int,
    timeout: float,
) -> Answer:
    """Ask `model` for an answer in `schema`'s shape; the caller looks at `stop_reason`, validates.

    `timeout` is in seconds, over all retries. Raises ServiceError when nothing was used, and
    OutcomeUnknown when the call may have been paid for though no answer came; never TimeoutError,
    which a thread waiting for the future could not tell from its own.
    """
    import anthropic
    import httpx2

    if not is_configured():
        raise ServiceError("no Anthropic key is set", permanent=True)
    worst_case(model, system, user, max_tokens)
    started = time.monotonic()
    try:
        async with asyncio.timeout(timeout):
            client = await _client()
            response = await client.messages.with_raw_response.create(
                model=model,
                system=[_cached(system)] if system else anthropic.omit,
                messages=[{"role": "user", "content": user}],
                max_tokens=max_tokens,
                output_config={
                    "format": {
                        "type": "json_schema",
                        "schema": anthropic.transform_schema(schema),
                    }
                },
                timeout=httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
            )
            body = await response.read()
    except TimeoutError:
        raise OutcomeUnknown(
            f"Anthropic did not answer within {timeout:g} s", permanent=False
        ) from None
    except anthropic.APIStatusError as error:
        raise _refused(error) from error
    except (anthropic.AnthropicError, httpx2.HTTPError) as error:
        raise ServiceError(
            f"Anthropic cannot be reached: {_cause(error)}", permanent=False
        ) from error
    except (TypeError, ValueError, httpx2.InvalidURL) as error:
        raise ServiceError(f"Anthropic cannot be asked this: {error}", permanent=True) from error
    return _answer(body, model, response.request_id, time.monotonic() - started)


def _cached(system: str) -> TextBlockParam:
    return {"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}


async def _client() -> anthropic.AsyncAnthropic:
    """Return this loop's client, made at the first use and again when the settings change."""
    import anthropic

    wanted = (settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL)
    loop = asyncio.get_running_loop()
    found, client = _clients.get(loop, (None, None))
    if client is None or found != wanted:
        key, url = wanted
        fresh = anthropic.AsyncAnthropic(
            api_key=key, base_url=url or None, max_retries=RETRIES, middleware=[_ask_again_safely]
        )
        _clients[loop] = (wanted, fresh)
        if client is not None:
            await client.close()
        return fresh
    return client


async def _ask_again_safely(
    request: anthropic.APIRequest, call_next: anthropic.AsyncCallNext
) -> anthropic.AsyncAPIResponse[Any]:
    """Keep the SDK from retrying what may have been paid for, and from waiting for hours.

    It asks again after any lost connection, and sleeps as long as Retry-After says.
    """
    import anthropic
    import httpx2

    never_left = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
    try:
        response = await call_next(request)
    except anthropic.APIConnectionError as error:
        if isinstance(error.__cause__, never_left):
            raise
        raise OutcomeUnknown(
            f"the connection to Anthropic broke: {_cause(error)}", permanent=False
        ) from None
    status, wait = response.status_code, _retry_after(response.headers)
    if _is_temporary(status) and wait > LONGEST_RETRY_AFTER:
        raise ServiceError(f"Anthropic answered {status}: not before {wait:g} s", permanent=False)
    return response


def _retry_after(headers: httpx2.Headers) -> float:
    try:
        return float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0  # a date: `timeout` bounds the wait


def _is_temporary(status: int) -> bool:
    return status in {408, 409, 429} or status >= 500


def _refused(error: anthropic.APIStatusError) -> ServiceError:
    status = error.status_code
    reason = (error.api_message or error.response.reason_phrase)[:300]
    return ServiceError(
        f"Anthropic answered {status}: {reason}", permanent=not _is_temporary(status)
    )


def _cause(error: BaseException) -> str:
    cause = error.__cause__ or error
    return str(cause) or type(cause).__name__


class _Block(BaseModel):
    type: str
    text: str = ""


class _Counts(BaseModel):
    model_config = ConfigDict(extra="allow")  # what else has a price is read by genai-prices

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Reply(BaseModel):
    model: str
    stop_reason: str | None = None
    content: list[_Block]
    usage: _Counts


def _answer(body: bytes, model: str, request_id: str | None, seconds: float) -> Answer:
    """Read the reply itself: the SDK takes any 200 for a message, whatever is missing in it."""
    import genai_prices

    try:
        reply = _Reply.model_validate_json(body)
        used = reply.usage
        priced = genai_prices.extract_usage(
            {"model": model, "usage": used.model_dump(exclude_none=True)}, provider_id=PROVIDER
        ).calc_price()
    except ValueError as error:
        raise OutcomeUnknown("Anthropic's answer cannot be read", permanent=False) from error
    return Answer(
        text="".join(block.text for block in reply.content if block.type == "text"),
        stop_reason=reply.stop_reason,
        model=reply.model,
        request_id=request_id,
        latency_ms=round(seconds * 1000),
        usage=Usage(
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cache_read_tokens=used.cache_read_input_tokens or 0,
            cache_write_tokens=used.cache_creation_input_tokens or 0,
            usd=priced.total_price,
        ),
    )
