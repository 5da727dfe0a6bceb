"""Which model servers use the memory of this machine, going by their address."""

import ipaddress
import socket
from pathlib import Path
from urllib.parse import urlsplit

CONTAINER_HOSTS = frozenset({"host.docker.internal", "host.containers.internal"})
MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
"""What Docker and Podman put into every container."""


def is_here(url: str, *, contained: bool | None = None) -> bool:
    """
    Whether the server at `url` runs on this machine.

    It does at a loopback address, at an address or name of our own, at the host of our container,
    and under a name without a dot where we run in a container ourselves (`contained`; None: look):
    that is a service of the same compose file. Elsewhere such a name is another machine of the
    network. No name is looked up.
    """
    host = urlsplit(url).hostname or ""
    try:
        return _is_ours(ipaddress.ip_address(host))
    except ValueError:
        pass
    if host in CONTAINER_HOSTS or host in ("localhost", socket.gethostname().lower()):
        return True
    return "." not in host and (_in_container() if contained is None else contained)


def _is_ours(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Only addresses of its own can a machine bind to; nothing is sent."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _in_container() -> bool:
    return any(mark.exists() for mark in MARKS)
