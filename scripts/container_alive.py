"""
`container_alive.py PORT [PATH]`: whether it answers 200 on this machine within two seconds.

The health check of the images, which have no curl. It runs every few seconds for as long as a
service lives, so it imports next to nothing.
"""

import socket
import sys

SECONDS = 2.0
LIVE = "/health/live"


def main(port: int, path: str = LIVE) -> int:
    """The exit status: 0 when it answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            return int(connection.recv(32).split(b" ")[1:2] != [b"200"])
    except OSError as failed:
        print(f"port {port}: {failed}")
        return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:3]))
