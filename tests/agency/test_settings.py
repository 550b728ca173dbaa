"""Settings come from the environment and say what is wrong in one line."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from agency import checks
from agency import settings as module


def manage(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={**os.environ, **env},
        cwd=module.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "text", "parse", "reason"),
    [
        ("PORT", "abc", module.whole_number(1, 65535), "'abc' is not a whole number from 1"),
        ("PORT", "65536", module.whole_number(1, 65535), "is not a whole number from 1"),
        ("DEBUG", "maybe", module.yes_or_no, "is neither 1 nor 0"),
        ("PUBLIC_URL", "agency.example", module.url("https"), "must look like https://"),
        ("EMAIL_URL", "smtp://mail.example:x", module.url("smtp"), "must look like smtp://"),
        ("OPERATOR_EMAIL", "me", module.email_address, "'me' is not an e-mail address"),
        ("DATABASE_URL", "mysql://x", module.postgres_params, "must look like postgres://"),
        ("DATABASE_URL", "postgres://host/db", module.postgres_params, "must look like"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_reason(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    parse: Callable[[str], object],
    reason: str,
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ImproperlyConfigured) as caught:
        module.read(name, None, parse)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert reason in message
    assert "\n" not in message


def test_a_wrong_address_is_not_repeated_because_it_may_hold_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMAIL_URL", "http://me:hush@mail.example")
    with pytest.raises(ImproperlyConfigured) as caught:
        module.read("EMAIL_URL", "", module.url("smtp", "smtps"))
    assert "hush" not in str(caught.value)


def test_empty_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", " ")
    assert module.read("PORT", 8000, module.whole_number(1, 65535)) == 8000


def test_a_database_address_may_lead_to_a_socket() -> None:
    assert module.postgres_params("postgres://app@/agency?host=/run/pg") == {
        "user": "app",
        "dbname": "agency",
        "host": "/run/pg",
    }


def test_the_command_line_says_one_line_and_ends_with_2(tmp_path: Path) -> None:
    done = manage("check", PORT="none", DATA_DIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "PORT: 'none' is not a whole number from 1 to 65535 (set in the environment or in .env)"
    ]


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ImproperlyConfigured, match=r"^DATA_DIR: .*file/data cannot be made"):
        module.make_data_dir(file / "data")


def test_the_env_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(f"DATA_DIR={tmp_path}\nOPERATOR_EMAIL=ada@park.example\nPORT=9001\n")
    env = {name: value for name, value in os.environ.items() if name != "DATA_DIR"}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from agency import settings as s; print(s.OPERATOR_EMAIL, s.PORT, s.PUBLIC_URL)",
        ],
        env={**env, "ENV_FILE": str(file), "PORT": "9002"},
        cwd=module.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["ada@park.example", "9002", "http://127.0.0.1:9002"]


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    first = module.kept_secret(path)
    assert len(first) >= 50
    assert module.kept_secret(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_one_role_for_app_and_owner_is_warned_about(settings: Settings) -> None:
    assert checks.app_and_owner_are_two_roles() == []
    settings.OWNER_ROLE = settings.APP_ROLE
    assert [warning.id for warning in checks.app_and_owner_are_two_roles()] == ["agency.W001"]
