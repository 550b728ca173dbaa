"""Identifiers that sort by the time they were made."""

import uuid

from uuid_utils.compat import uuid7 as _uuid7


def uuid7() -> uuid.UUID:
    """Return a version 7 UUID (RFC 9562): 48 bits of Unix milliseconds, then random bits."""
    return _uuid7()
