"""When an operator last looked: what “since you last looked” counts from."""

import datetime as dt

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from agency.models import LastLook

AWAY = dt.timedelta(minutes=15)
"""Who comes back sooner was not away, and still sees what there was."""

FIRST = dt.timedelta(hours=24)

# In one statement, so that two tabs opened at once agree.
LOOK = """
INSERT INTO agency_lastlook (user_id, at, since) VALUES (%(user)s, %(now)s, %(first)s)
ON CONFLICT (user_id) DO UPDATE SET
    at = greatest(agency_lastlook.at, excluded.at),
    since = CASE
        WHEN excluded.at - agency_lastlook.at > make_interval(secs => %(away)s)
        THEN agency_lastlook.at
        ELSE agency_lastlook.since
    END
RETURNING since
"""


def look(user: User, now: dt.datetime | None = None) -> dt.datetime:
    """Note that `user` looks now; return since when there is news for them.

    That moves only after an absence, so a reload loses nothing. The first look goes back a day.
    """
    now = now or timezone.now()
    away = AWAY.total_seconds()
    with connection.cursor() as cursor:
        cursor.execute(LOOK, {"user": user.pk, "now": now, "first": now - FIRST, "away": away})
        since: dt.datetime = cursor.fetchone()[0]
    return since


def last(user: User) -> dt.datetime:
    """Return since when there is news for `user`, without noting a look."""
    found = LastLook.objects.filter(user=user).values_list("since", flat=True).first()
    return found or timezone.now() - FIRST
