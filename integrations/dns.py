"""Looking up what a domain says of itself in DNS."""

from typing import TYPE_CHECKING

from integrations.errors import ServiceError

if TYPE_CHECKING:
    from dns.resolver import Resolver

SECONDS = 5.0
EDNS_BYTES = 1232


def txt(name: str, *, resolver: "Resolver | None" = None) -> list[str]:
    """Return the TXT records of a name, none if there are none. Raises ServiceError."""
    import dns.exception
    import dns.resolver

    if resolver is None:
        resolver = dns.resolver.Resolver()
        resolver.use_edns(0, 0, EDNS_BYTES)
    try:
        answer = resolver.resolve(name, "TXT", lifetime=SECONDS, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return []
    except dns.exception.DNSException as error:
        raise ServiceError(f"DNS did not answer for {name}: {error}", permanent=False) from error
    # A record longer than 255 bytes comes in several strings, which belong together.
    return [b"".join(row.strings).decode(errors="replace") for row in answer.rrset or ()]
