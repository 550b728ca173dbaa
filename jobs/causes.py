"""What an error is about, without the particulars that make each one look different."""

import functools
import re

LONGEST = 100
# In this order: what holds numbers comes before bare numbers.
PARTICULARS = (
    re.compile(r"\w[\w.+-]*@[\w-]+(?:\.[\w-]+)+"),  # mail addresses
    re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE),
    re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE),
    re.compile(r"\b(?=[0-9a-f:]*:[0-9a-f]*:)[0-9a-f:]{3,}\b", re.IGNORECASE),  # IPv6, times
    re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE),
    re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b", re.IGNORECASE),  # ids, hashes
    re.compile(r"\d+(?:[.,:_-]\d+)*"),
)


@functools.lru_cache(maxsize=32_768)
def cause(error: str) -> str:
    """Return the first line of an error with addresses, ids and numbers as `#`, at most 100 long.

    Two failures with the same cause are one alert.
    """
    line = next((line for line in error.splitlines() if line.strip()), "")
    for particular in PARTICULARS:
        line = particular.sub("#", line)
    return " ".join(line.split())[:LONGEST].strip() or "no reason given"
