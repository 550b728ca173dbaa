"""E-mail addresses: whose they are."""

import re

FREE_MAIL = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "live.com", "msn.com", "icloud.com"),
        *("me.com", "mac.com", "aol.com", "gmx.com", "gmx.de", "gmx.net", "web.de", "t-online.de"),
        *("proton.me", "protonmail.com", "mail.com", "yandex.com", "mail.ru", "ymail.com"),
        *("comcast.net", "att.net", "verizon.net", "cox.net", "sbcglobal.net", "zoho.com"),
    )
)
FREE_MAIL_OF_ANY_COUNTRY = re.compile(r"(?:yahoo|hotmail|live|outlook)\.[a-z.]{2,6}")


def domain_of(address: str) -> str:
    """Return what stands behind the at sign, in lower case."""
    return address.rpartition("@")[2].strip().lower()


def is_free(domain: str) -> bool:
    """Whether anybody can have an address there: it says nothing about a company."""
    return domain in FREE_MAIL or FREE_MAIL_OF_ANY_COUNTRY.fullmatch(domain) is not None
