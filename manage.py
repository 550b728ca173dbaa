#!/usr/bin/env python
"""Django's command line. Wrong settings or a stopped database are one line, not a traceback."""

import os
import sys

# These need no database; every other command is told at once when there is none.
OFFLINE = {
    "help",
    "version",
    "check",
    "collectstatic",
    "diffsettings",
    "makemigrations",
    "phases",
    "run",
}


def main(argv: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")
    # A command uses one connection at a time; without the pool it also fails at once when the
    # database is gone, not after the pool's timeout.
    os.environ.setdefault("DB_POOL_SIZE", "0")
    try:
        from django.conf import settings
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line

        from agency.embedded import EmbeddedError, require_postgres
        from agency.supervisor import SupervisorError
    except ImportError as error:
        print(f"{error}; run `make install`, then use .venv/bin/python", file=sys.stderr)
        return 2
    try:
        if settings.EMBEDDED_POSTGRES and needs_database(argv):
            require_postgres(settings.DATA_DIR)
        execute_from_command_line(argv)
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)
        return 2
    except (EmbeddedError, SupervisorError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def needs_database(argv: list[str]) -> bool:
    command = argv[1] if len(argv) > 1 else "help"
    asks_help = bool({"-h", "--help"} & set(argv))
    return not (asks_help or command.startswith("-") or command in OFFLINE)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
