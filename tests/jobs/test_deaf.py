"""A worker goes on listening after Valkey was gone: what it could not say does not count."""

import signal
import subprocess
from pathlib import Path
from typing import Any

from kombu import Queue

from agency import embedded
from agency.celery import app, broker_url

SLOTS = 2


def test_hints_that_valkey_never_heard_the_end_of_take_no_slot(tmp_path: Path) -> None:
    valkey = embedded.start(embedded.valkey(tmp_path), output=subprocess.DEVNULL)
    try:
        with app.connection_for_read(broker_url(embedded.valkey_url(tmp_path))) as connection:
            channel: Any = connection.channel()
            channel.basic_qos(0, SLOTS, False)
            queue = Queue("fast", channel=channel)
            queue.declare()
            with connection.Producer(channel) as producer:
                for number in range(SLOTS):
                    producer.publish({"number": number}, routing_key="fast")
            hints: list[Any] = []
            with connection.Consumer(
                [queue], channel=channel, on_message=hints.append, accept=["json"]
            ):
                while len(hints) < SLOTS:
                    connection.drain_events(timeout=5)
                assert not channel.qos.can_consume()
                embedded.stop(valkey, signal.SIGKILL)
                for hint in hints:
                    hint.ack()
                assert channel.qos.can_consume()
    finally:
        embedded.stop(valkey, signal.SIGKILL)
