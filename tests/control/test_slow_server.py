"""A mail server that takes its time between DATA and 354: a stop in between still stops it."""

import socket
import threading

import pytest
from django.conf import settings
from django.db import connections

from control import approvals, switches
from control.models import Action
from tests import factories, workers

pytestmark = pytest.mark.usefixtures("committed")


class SlowServer:
    """Speaks just enough SMTP for one session, and says 354 when `gate` is set."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.asked, self.gate = threading.Event(), threading.Event()
        self.took = False
        self.thread = threading.Thread(target=self._session, daemon=True)
        self.thread.start()

    def _session(self) -> None:
        connection, _ = self.listener.accept()
        self.listener.close()  # an alert's mail is refused at once, not kept waiting
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 slow.example\r\n")
            for line in lines:
                if line[:4].upper() != b"DATA":
                    connection.sendall(b"250 OK\r\n")
                    continue
                self.asked.set()
                self.gate.wait(workers.PATIENCE_SECONDS)
                connection.sendall(b"354 go on\r\n")
                self.took = b".\r\n" in lines
                return


def test_a_stop_while_the_server_thinks_keeps_the_mail_in_the_house(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = SlowServer()
    monkeypatch.setattr(settings, "SANDBOX_SMTP_PORT", server.port)
    factories.received()
    action = Action.objects.get(status="waiting")
    approvals.approve(action, by=factories.make_user(), seen_hash=action.content_hash)

    def work() -> None:
        try:
            factories.work_off(ahead=True)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    assert server.asked.wait(workers.PATIENCE_SECONDS)
    switches.engage("everything", reason="a test", by="olivia")
    workers.until(lambda: switches.watch.reached([]) == "*", "the switch to be seen")
    server.gate.set()
    worker.join()
    server.thread.join()

    action.refresh_from_db()
    assert (server.took, action.status) == (False, "approved")
