"""`python -m sandbox mailbox --port 8025 --maildir DIR`, or `market`, which is a mailbox too"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from sandbox import mailbox
from sandbox.market import serve
from sandbox.market.post import App


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parts = parser.add_subparsers(required=True, metavar="PART")
    part = parts.add_parser("mailbox", help="take every mail over SMTP and keep it")
    part.add_argument("--port", type=int, required=True, help="on the loopback; 0 for any free one")
    part.add_argument("--maildir", type=Path, required=True, help="the folder to keep it in")
    part.set_defaults(run=lambda given: mailbox.serve(given.port, given.maildir))
    _add_market(parts.add_parser("market", help="play the companies outside, and keep every mail"))
    given = parser.parse_args()
    try:
        asyncio.run(given.run(given))
    except OSError as error:
        sys.exit(f"the sandbox cannot start: {error}")


def _add_market(part: argparse.ArgumentParser) -> None:
    part.description = (
        "MAILGUN_SIGNING_KEY in the environment signs the mail posted to the app,"
        " SANDBOX_CHECKOUT_KEY opens the checkout; without it there is none."
    )
    part.add_argument("--smtp-port", type=int, required=True, help="on the loopback; 0 for any")
    part.add_argument("--web-port", type=int, required=True, help="on the loopback; 0 for any")
    part.add_argument("--maildir", type=Path, required=True, help="the folder to keep mail in")
    part.add_argument("--app-url", required=True, help="the only address anything is sent to")
    part.add_argument("--lead-form", default="", help="the app's address for a web form")
    part.add_argument(
        "--meetings-hook", default="", help="the app's address for what became of a call"
    )
    part.add_argument("--epoch", type=float, help="Unix time at which business time was wall time")
    part.add_argument("--speed", type=float, default=1.0, help="business seconds a wall second")
    part.add_argument("--seed", type=int, default=1, help="another number, another market")
    part.set_defaults(run=_market)


async def _market(given: argparse.Namespace) -> None:
    key = os.environ.get("MAILGUN_SIGNING_KEY", "")
    if not key:
        sys.exit("the sandbox cannot start: MAILGUN_SIGNING_KEY is not set")
    app = App(
        given.app_url.rstrip("/"),
        lead_form=given.lead_form,
        meetings_hook=given.meetings_hook,
        signing_key=key,
    )
    ports = serve.Ports(smtp=given.smtp_port, web=given.web_port)
    await serve.serve(
        ports,
        given.maildir,
        app=app,
        speed=given.speed,
        seed=given.seed,
        epoch=given.epoch,
        checkout_key=os.environ.get("SANDBOX_CHECKOUT_KEY", ""),
    )


if __name__ == "__main__":
    main()
