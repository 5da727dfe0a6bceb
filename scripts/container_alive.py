"""
`container_alive.py PORT [PATH]`: whether it answers 200 on this machine within two seconds.

The health check of the images, which have no curl. Docker asks again as soon as it has an answer,
so a start is noticed at once; after a good answer the next one is taken `REST_SECONDS` later,
which keeps an idle box idle (Docker's own `start_interval` needs engine 25).
"""

import socket
import sys
import time
from pathlib import Path

SECONDS = 2.0
REST_SECONDS = 25.0
ALIVE = Path("/tmp/alive")
"""A container has a /tmp of its own, empty at each start."""

LIVE = "/health/live"


def answers(port: int, path: str) -> bool:
    """Whether the first line of the answer says 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            return connection.recv(32).split(b" ")[1:2] == [b"200"]
    except OSError as failed:
        print(f"port {port}: {failed}")
        return False


def main(port: int, path: str = LIVE) -> int:
    """The exit status: 0 when it answers 200."""
    if ALIVE.exists():
        time.sleep(REST_SECONDS)
    if answers(port, path):
        ALIVE.touch()
        return 0
    ALIVE.unlink(missing_ok=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:3]))
