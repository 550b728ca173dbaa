"""`manage.py webhook`: the addresses outsiders post to."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import endpoints
from jobs.models import Endpoint


class Command(BaseCommand):
    help = "Make, list, rotate and switch off webhook addresses."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="action")
        actions.add_parser("list", help="every endpoint with its state")
        for action, what in (
            ("create", "make an endpoint; prints its address and secret"),
            ("address", "print just the address"),
            ("rotate", "replace address and secret; the old ones stop at once"),
            ("disable", "answer 404 at this address"),
            ("enable", "take deliveries in again"),
        ):
            named = actions.add_parser(action, help=what)
            named.add_argument("purpose", help=f"what arrives: {', '.join(endpoints.PURPOSES)}")
            named.add_argument("--name", required=True, help="letters, digits, - and _")
            if action == "create":
                named.add_argument(
                    "--require-signature",
                    action="store_true",
                    help="refuse what is not signed (Standard Webhooks)",
                )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.act(**options)
        except endpoints.EndpointError as error:
            raise CommandError(str(error)) from None

    def act(
        self,
        action: str,
        purpose: str = "",
        name: str = "",
        require_signature: bool = False,
        **options: Any,
    ) -> None:
        if action == "list":
            self.show_all()
        elif action == "create":
            self.show(endpoints.create(purpose, name, require_signature=require_signature))
        elif action == "address":
            self.stdout.write(endpoints.address(purpose, name))
        elif action == "rotate":
            self.show(endpoints.rotate(endpoints.get(purpose, name)))
        else:
            switch = endpoints.disable if action == "disable" else endpoints.enable
            endpoint = endpoints.get(purpose, name)
            already = "" if switch(endpoint) else " already"
            self.stdout.write(f"{endpoint} is{already} {action}d")

    def show(self, endpoint: Endpoint) -> None:
        self.stdout.write(f"Address  {endpoints.url(endpoint)}")
        self.stdout.write(f"Secret   {endpoint.secret}")

    def show_all(self) -> None:
        found = list(Endpoint.objects.order_by("purpose", "name"))
        if not found:
            self.stdout.write("No endpoints yet: manage.py webhook create leads --name website")
        for endpoint in found:
            state = "enabled" if endpoint.enabled else "disabled"
            signed = "signed only" if endpoint.require_signature else "signature optional"
            self.stdout.write(f"{endpoint}  {state}, {signed}  {endpoints.url(endpoint)}")
