"""Posts leads until it is told to stop: `python -m chaos.sender port path prefix told stop`.

As a good sender does: each is repeated under its own key until it is answered 202, and only then
noted in the file `told`. When the file `stop` is there, the lead at hand is the last.
"""

import http.client
import json
import sys
import time
from pathlib import Path

PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 5
MESSAGE = "We are plumbers and miss half our calls. What would it cost to start next month?"


def post(port: int, path: str, email: str) -> bool:
    """Return whether the lead was taken for certain."""
    web = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    body = json.dumps({"name": "Dana Reyes", "email": email, "message": MESSAGE})
    headers = {"Content-Type": "application/json", "Idempotency-Key": email}
    try:
        web.request("POST", path, body, headers)
        return web.getresponse().status == http.HTTPStatus.ACCEPTED
    except (OSError, http.client.HTTPException):
        return False
    finally:
        web.close()


def main(port: int, path: str, prefix: str, told: Path, stop: Path) -> None:
    """Post one lead after the other."""
    number = 0
    with told.open("a", buffering=1) as notes:
        while not stop.exists():
            number += 1
            email = f"{prefix}-{number}@company.example"
            while not post(port, path, email):
                time.sleep(PAUSE_SECONDS)
            notes.write(f"{email}\n")
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]), Path(sys.argv[5]))
