"""What a failure is answered with."""

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory
from psycopg_pool import PoolTimeout

from dashboard.views import errors


def answered(error: Exception, cause: Exception | None, rf: RequestFactory) -> HttpResponse:
    try:
        raise error from cause
    except type(error):
        return errors.failed(rf.get("/book/"))


def test_too_much_at_once_is_no_failure_of_ours(rf: RequestFactory) -> None:
    said = answered(OperationalError("no connection"), PoolTimeout("after 4 s"), rf)
    assert (said.status_code, said["Retry-After"]) == (503, "5")
    assert "Nothing was changed" in said.content.decode()


@pytest.mark.parametrize("error", [OperationalError("it is gone"), ValueError("odd")])
def test_anything_else_is_a_failure(error: Exception, rf: RequestFactory) -> None:
    assert answered(error, None, rf).status_code == 500
