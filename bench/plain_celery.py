"""Celery as its manual shows it."""

import os

from celery import Celery

app = Celery("plain", broker=os.environ["PLAIN_BROKER"])
app.conf.update(task_ignore_result=True, worker_send_task_events=False)


@app.task(name="noop")
def noop() -> None:
    """Do nothing."""
