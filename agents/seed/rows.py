"""Rows of one table, kept as they come and written at once by COPY."""

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection, models

AT_ONCE = 20_000


class Rows:
    """What is to be appended to a model's table; a column nobody names has its default."""

    def __init__(self, model: type[models.Model], *, numbered: bool = False) -> None:
        """Leave the numbers to the database, unless they are `numbered` here, by `reserve`."""
        self.model = model
        self.defaults = {
            column.attname: _default(column)
            for column in model._meta.concrete_fields
            if numbered or not isinstance(column, models.AutoField)
        }
        self.lines: list[tuple[Any, ...]] = []

    def add(self, **values: Any) -> None:
        """Append a row; JSON comes as text. Raises KeyError for a column there is none of."""
        if not values.keys() <= self.defaults.keys():
            raise KeyError(*values.keys() - self.defaults.keys())
        self.lines.append(tuple((self.defaults | values).values()))

    def write(self) -> None:
        """Append them to the table."""
        copy(self.model._meta.db_table, list(self.defaults), self.lines)
        self.lines.clear()

    def write_new(self, *unique: str) -> None:
        """Append those whose `unique` columns no row has yet."""
        types = {
            column.attname: column.db_type(connection)
            for column in self.model._meta.concrete_fields
        }
        arrays = ", ".join(f"%s::{types[name]}[]" for name in self.defaults)
        with connection.cursor() as cursor:
            for start in range(0, len(self.lines), AT_ONCE):
                some = self.lines[start : start + AT_ONCE]
                cursor.execute(
                    f"INSERT INTO {self.model._meta.db_table} ({_joined(self.defaults)})"  # noqa: S608 - our own names
                    f" SELECT * FROM unnest({arrays})"
                    f" ON CONFLICT ({_joined(unique)}) DO NOTHING",
                    [list(values) for values in zip(*some, strict=True)],
                )
        self.lines.clear()


def copy(table: str, names: list[str], lines: list[tuple[Any, ...]]) -> None:
    """Append lines of these columns to a table."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({_joined(names)}) FROM STDIN") as out,
    ):
        for line in lines:
            out.write_row(line)


def reserve(model: type[models.Model], count: int) -> list[int]:
    """Take so many numbers of a table, for rows that others refer to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [number for (number,) in cursor.fetchall()]


def _joined(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _default(column: "models.Field[Any, Any]") -> Any:
    if isinstance(column, models.UUIDField) and column.primary_key:
        return None
    value = column.get_default()
    return json.dumps(value) if isinstance(column, models.JSONField) else value
