"""Giving pooled connections back before waiting for something slow."""

from django.db import connections


def give_back_connections() -> None:
    """Return this thread's connections to the pool, unless a transaction is open on them.

    Called before model, mail and other network calls, so that a waiting thread holds none.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
