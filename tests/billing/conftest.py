"""The sandbox checkout, where the app looks for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests import checkout


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[checkout.Counter]:
    """Return the checkout; what it has to tell is told by the test, as late as it likes."""
    with checkout.running(tmp_path) as found:
        monkeypatch.setattr(settings, "SANDBOX_WEB_PORT", found.port)
        yield found
