"""A model over HTTP that a test holds, hangs up, or lets answer by what it is asked."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY = "sk-ant-test"
POLL_SECONDS = 0.01


class StandIn(ThreadingHTTPServer):
    """Answers each question once `gate` is open, with what `answer` makes of it.

    `asked` is released at each question. With `hangs_up` it takes the question and says nothing.
    """

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[dict[str, Any]], str] = lambda question: "{}"
        self.output_tokens = 10
        self.hangs_up = False
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Semaphore(0)
        self.questions: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(POLL_SECONDS,))

    @property
    def url(self) -> str:
        """The address to give the SDK."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.gate.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        stand_in = self.server
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stand_in.questions.append(question)
        stand_in.asked.release()
        stand_in.gate.wait()
        self.close_connection = True
        if stand_in.hangs_up:
            return
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": question["model"],
            "content": [{"type": "text", "text": stand_in.answer(question)}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 500, "output_tokens": stand_in.output_tokens},
        }
        body = json.dumps(message).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", f"req_{len(stand_in.questions)}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
