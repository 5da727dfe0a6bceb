"""Is a port free, and if not, who has it?"""

import socket

import psutil


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now (a port in TIME_WAIT counts as free)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str | None:
    """`name (pid 123)` of the program that listens on `port`, or None where it cannot be seen."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.AccessDenied, PermissionError):
        return None
    for connection in connections:
        here = connection.laddr and connection.laddr.port == port
        if here and connection.status == psutil.CONN_LISTEN and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.NoSuchProcess:
                return None
    return None


def taken(host: str, ports: tuple[int, ...]) -> str | None:
    """A sentence about the first of `ports` that is not free, or None when all are."""
    for port in ports:
        if not is_free(host, port):
            who = holder(port) or "another program"
            return f"port {port} is taken by {who}"
    return None
