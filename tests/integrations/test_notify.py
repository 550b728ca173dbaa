"""A Slack-compatible webhook over real HTTP: what it is told, and what each answer means."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from agency import settings as module
from integrations import notify
from integrations.errors import OutcomeUnknown, ServiceError
from tests import hookserver
from tests.hookserver import Hook

POST = notify.Post(
    title="[critical] 2 < 3 & <!channel>", text="a > b", url="https://a.example/?x&y"
)


@pytest.fixture
def hook(settings: Settings) -> Iterator[Hook]:
    with hookserver.running() as found:
        settings.ALERT_WEBHOOK_URL = found.url
        yield found


def failure(post: notify.Post = POST, timeout: float = 5.0) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        notify.send(post, timeout=timeout)
    return caught.value


def test_it_posts_text_and_blocks_as_slack_wants_them(hook: Hook) -> None:
    assert notify.send(POST) == "ok"
    (posted,) = hook.posts
    assert posted["text"] == "[critical] 2 &lt; 3 &amp; &lt;!channel&gt;"
    section, context = posted["blocks"]
    assert section["text"] == {
        "type": "mrkdwn",
        "text": "*[critical] 2 &lt; 3 &amp; &lt;!channel&gt;*\na &gt; b",
    }
    assert context["elements"][0]["text"] == "<https://a.example/?x&amp;y|Open it>"
    assert hook.paths == ["/services/T0/B0/key?a=1"]
    assert hook.types == ["application/json"]


@given(st.text(alphabet="&<>ax", max_size=4000))
def test_no_text_is_too_long_or_says_more_than_text(text: str) -> None:
    blocks: Any = notify.payload(notify.Post("t", text=text))["blocks"]
    shown = blocks[0]["text"]["text"]
    assert len(shown) <= notify.LONGEST_SECTION
    assert "<" not in shown
    assert ">" not in shown
    plain = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in plain


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (403, True), (404, True), (500, False), (503, False)]
)
def test_a_refused_post_was_not_taken(hook: Hook, status: int, permanent: bool) -> None:
    hook.status, hook.text = status, "no_service\r\n\x1b[31m"
    error = failure()
    assert error.permanent is permanent
    assert not isinstance(error, OutcomeUnknown)
    assert str(error) == f"127.0.0.1 answered {status}: no_service [31m"


@pytest.mark.parametrize(
    ("after", "seconds"), [("7", 7), ("", 60), ("soon", 60), ("٣", 60), ("9" * 30, 3600)]
)
def test_told_to_wait_it_says_how_long(hook: Hook, after: str, seconds: float) -> None:
    hook.status = 429
    if after.isascii():
        hook.headers["Retry-After"] = after
    error = failure()
    assert isinstance(error, notify.TryLater)
    assert error.seconds == seconds


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_it_follows_nobody(hook: Hook, status: int) -> None:
    with hookserver.running() as elsewhere:
        hook.status, hook.headers = status, {"Location": elsewhere.url}
        assert failure().permanent
        assert elsewhere.posts == []
    assert len(hook.posts) == 1


@pytest.mark.parametrize("status", [0, 502, 504])
def test_without_a_clear_answer_it_may_be_posted(hook: Hook, status: int) -> None:
    hook.status = status
    assert isinstance(failure(), OutcomeUnknown)
    assert len(hook.posts) == 1


def test_a_silent_server_leaves_it_in_doubt(hook: Hook) -> None:
    hook.holds = True
    assert isinstance(failure(timeout=0.2), OutcomeUnknown)


def test_a_server_out_of_reach_has_taken_nothing(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        error = failure()
    assert not error.permanent
    assert not isinstance(error, OutcomeUnknown)


def test_an_address_inside_a_network_hears_nothing(settings: Settings) -> None:
    """The machine's own address in its network, where it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 9))
        except OSError:
            pytest.skip("no network")
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("no address but the loopback")
    with socket.create_server((own, 0)) as inside:
        settings.ALERT_WEBHOOK_URL = f"http://{own}:{inside.getsockname()[1]}/"
        error = failure()
        taken, _ = inside.accept()
        with taken:
            assert taken.recv(100) == b""
    assert error.permanent
    assert "inside a network" in str(error)


def test_without_an_address_nothing_is_sent() -> None:
    assert not notify.is_configured()
    assert failure().permanent


@pytest.mark.parametrize(
    "text",
    [
        *("http://hooks.example/x", "ftp://hooks.example", "hooks.example/x", "https://"),
        *("https://hooks.example/a b", "https://hooks.example/ü", "http://10.0.0.7/x"),
    ],
)
def test_an_address_that_is_not_https_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"https://|ASCII") as caught:
        module.own_webhook(text)
    assert "/x" not in str(caught.value)


def test_https_or_this_machine_is_taken() -> None:
    for text in ("https://hooks.slack.com/services/T/B/k", "http://127.0.0.1:9/x"):
        assert module.own_webhook(text) == text
