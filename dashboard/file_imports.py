"""A file on its way in, whatever it brings: what its columns hold, and saying it anew."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice

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
