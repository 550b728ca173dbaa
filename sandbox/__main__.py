"""`python -m sandbox mailbox --port 8025 --maildir DIR`"""

import argparse
import asyncio
import sys
from pathlib import Path

from sandbox import mailbox


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parts = parser.add_subparsers(required=True, metavar="PART")
    part = parts.add_parser("mailbox", help="take every mail over SMTP and keep it")
    part.add_argument("--port", type=int, required=True, help="on the loopback; 0 for any free one")
    part.add_argument("--maildir", type=Path, required=True, help="the folder to keep it in")
    part.set_defaults(run=lambda given: mailbox.serve(given.port, given.maildir))
    given = parser.parse_args()
    try:
        asyncio.run(given.run(given))
    except OSError as error:
        sys.exit(f"the sandbox cannot start: {error}")


if __name__ == "__main__":
    main()
