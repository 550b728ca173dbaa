"""A file on its way in, whatever it brings: what its columns hold, and saying it anew."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Protocol, TypeVar

from agency import live
from pipeline.finding.sources import file
from pipeline.models import FileImport

SAMPLED = 5


@dataclass(frozen=True)
class Column:
    """One column of the file: what is said to be in it, and an example from its first rows."""

    name: str
    field: str
    sample: str


class Row(Protocol):
    """A row of a preview: `repeats` is the row of the same file that says the same."""

    @property
    def duplicate_of(self) -> object | None:
        """What is there already."""

    @property
    def repeats(self) -> int | None:
        """The row before it."""


R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Line(Generic[R]):
    """One row of the preview, with what becomes of it in words."""

    row: R
    left_out: bool

    @property
    def verdict(self) -> str:
        """What becomes of the row."""
        if self.left_out:
            return "left out"
        if self.row.duplicate_of is not None:
            return "is there already"
        if self.row.repeats is not None:
            return f"is row {self.row.repeats} again"
        return "added"

    @property
    def tone(self) -> str:
        """The meaning of the verdict."""
        return {"added": "ok", "left out": "bad"}.get(self.verdict, "off")


def columns(import_: FileImport) -> list[Column]:
    """Return the file's columns with an example of each. Raises Unreadable."""
    content = bytes(import_.content)
    first = list(islice(file.rows(content), SAMPLED))
    return [
        Column(
            name,
            import_.mapping.get(name, ""),
            next((row[name] for row in first if row.get(name, "").strip()), ""),
        )
        for name in file.columns(content)
    ]


def remap(
    import_: FileImport,
    said: Mapping[str, str],
    fields: Mapping[str, str],
    *,
    many: Collection[str] = (),
) -> str:
    """Say what the columns hold, before the file is imported; or return why that cannot be.

    `fields` is what a column may hold, with its label; of `many` there may be more than one.
    """
    mapping = {name: field for name, field in said.items() if field in fields}
    single = [field for field in mapping.values() if field not in many]
    twice = next((field for field in single if single.count(field) > 1), None)
    if twice is not None:
        return f"Two columns cannot both be “{fields[twice]}”; what was said before stays."
    rows = type(import_)._default_manager
    open_ = rows.filter(pk=import_.pk, status=FileImport.Status.UPLOADED)
    if not open_.update(mapping=mapping):
        return "It is imported already."
    import_.mapping = mapping
    live.broadcast(topic(import_))
    return ""


def topic(import_: FileImport) -> str:
    """Return the live topic of an import."""
    return f"import:{import_.pk}"
