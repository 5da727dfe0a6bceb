"""Is a port free, and if not, who has it?"""

import errno
import socket

import psutil

NOT_OURS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL)


def unusable(host: str, port: int) -> str | None:
    """Why no server could listen there now, None if one could (TIME_WAIT is no hindrance)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except socket.gaierror:
        return _no_address(host)
    except OSError as refused:
        if refused.errno in NOT_OURS:
            return _no_address(host)
        if refused.errno == errno.EACCES:
            return f"port {port} is for programs with more rights; choose one above 1023"
        return f"port {port} is taken by {holder(port) or 'another program'}"
    return None


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


def trouble(host: str, ports: tuple[int, ...]) -> str | None:
    """A sentence about the first of `ports` that cannot be used, or None when all can."""
    return next((why for port in ports if (why := unusable(host, port))), None)


def _no_address(host: str) -> str:
    return (
        f"{host} is no address of this machine (BIND_ADDRESS); 127.0.0.1 is for this machine "
        "alone, 0.0.0.0 for all"
    )
