"""Procrastinate as its manual shows it."""

import os

import procrastinate

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=os.environ["PLAIN_POSTGRES"])
)


@app.task(name="noop")
async def noop() -> None:
    """Do nothing."""
