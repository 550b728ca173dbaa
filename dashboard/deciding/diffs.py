"""What a person changed in a text, word by word."""

import difflib
import re
from dataclasses import dataclass

WORD = re.compile(r"\S+|\s+")
MOST_WORDS = 6_000
"""More than this is shown as all taken out and all put in: comparing would take too long."""


@dataclass(frozen=True)
class Piece:
    """A stretch of text that was kept, taken out or put in."""

    kind: str  # same, out, in
    text: str


def words(before: str, after: str) -> list[Piece]:
    """Return `after` with what became of `before`, in reading order; nothing if they are equal."""
    if before == after:
        return []
    old, new = WORD.findall(before), WORD.findall(after)
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    head, tail = old[:start], old[len(old) - end :]
    middle = _changed(old[start : len(old) - end], new[start : len(new) - end])
    pieces = [Piece("same", "".join(head)), *middle, Piece("same", "".join(tail))]
    return [piece for piece in pieces if piece.text]


def _changed(old: list[str], new: list[str]) -> list[Piece]:
    if len(old) + len(new) > MOST_WORDS:
        return [Piece("out", "".join(old)), Piece("in", "".join(new))]
    blank = difflib.SequenceMatcher(str.isspace, old, new, autojunk=False)
    found = []
    for kind, from_, to, from_new, to_new in blank.get_opcodes():
        if kind == "equal":
            found.append(Piece("same", "".join(old[from_:to])))
            continue
        found.append(Piece("out", "".join(old[from_:to])))
        found.append(Piece("in", "".join(new[from_new:to_new])))
    return found


def _common(one: list[str], other: list[str]) -> int:
    """Return how many words both begin with."""
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return number
    return min(len(one), len(other))
