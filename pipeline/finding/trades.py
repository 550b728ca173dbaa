"""Trades, and what people of one call themselves."""

import re

SAME = {
    "plumbing": ("plumber", "drain", "sewer"),
    "hvac": ("heating", "air conditioning", "a/c", "furnace", "cooling"),
    "roofing": ("roofer", "roof repair", "roofs"),
    "electrical": ("electrician", "electric "),
    "dental": ("dentist", "orthodont", "dentures"),
    "legal": ("law firm", "attorney", "lawyer"),
    "real estate": ("realtor", "property management"),
    "landscaping": ("landscaper", "lawn care"),
    "home services": ("handyman", "pest control", "garage door", "house cleaning", "remodel"),
}
"""What people of a trade call themselves, where it does not start with the trade's name."""

TAGS = {
    "plumber": "plumbing",
    "hvac": "hvac",
    "hvacbusiness": "hvac",
    "roofer": "roofing",
    "roofingcontractor": "roofing",
    "electrician": "electrical",
    "dentist": "dental",
    "dental": "dental",
    "lawyer": "legal",
    "attorney": "legal",
    "legalservice": "legal",
    "estateagent": "real estate",
    "realestateagent": "real estate",
    "gardener": "landscaping",
    "homeandconstructionbusiness": "home services",
    "carpenter": "home services",
    "locksmith": "home services",
}
"""The trade an OpenStreetMap tag's value or a schema.org type says, in plain small letters."""


def of_tag(value: str) -> str:
    """Return the trade a tag or a type says, or what it says in plain words."""
    plain = re.sub(r"[^a-z]", "", value.lower())
    return TAGS.get(plain, re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", value).strip().lower())


def find(word: str, text: str) -> re.Match[str] | None:
    """Find a trade in a text, or what it is also called; short words must stand alone."""
    for name in (word, *SAME.get(word.casefold(), ())):
        end = r"\b" if len(name) < 4 else ""
        match = re.search(rf"\b{re.escape(name)}{end}", text, re.I)
        if match:
            return match
    return None
