"""
Which addresses a page may be fetched from: the public internet, and what FETCH_ALLOW opens.

Pure decisions. Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and
its updates), IANA's IPv6 allocations (only 2000::/3 is global unicast), and the metadata addresses
that clouds document.
"""

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WEB_PORTS = frozenset({80, 443})

_NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; holds Alibaba's metadata, 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's own services, a public address inside its networks
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; holds Oracle's metadata, 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID …
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries any IPv4 address
        "3ffe::/16",  # 6bone, given back
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""Where a network without IPv4 puts all IPv4 addresses (RFC 6052), public ones among them."""

_MAY_BE_OPENED_BY_NAME = tuple(
    ip_network(network)
    for network in (
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
        "::1/128", "fc00::/7",
    )
)  # fmt: skip
_METADATA = frozenset({ip_address("100.100.100.200"), ip_address("fd00:ec2::254")})


def is_public(address: Address) -> bool:
    """Whether `address` is one host on the public internet."""
    if isinstance(address, IPv6Address):
        inner = _carried(address)
        if inner is None:
            return address in _GLOBAL_V6 and not any(address in net for net in _NOT_PUBLIC_V6)
        address = inner
    return not any(address in network for network in _NOT_PUBLIC_V4)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to a mapped or NAT64 address end up at."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


@dataclass(frozen=True, slots=True)
class Allowed:
    """
    What an operator opened: networks (any port), addresses with a port, names with a port.

    A name is opened whatever private address it has, but never for link-local or metadata
    addresses: those must be named as networks.
    """

    networks: tuple[Network, ...] = ()
    addresses: frozenset[tuple[Address, int]] = frozenset()
    names: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read FETCH_ALLOW: `wiki.lan:8080, 127.0.0.1:3000, [::1]:3000, 10.1.0.0/16`.

        Raises `ValueError` with a sentence that names the entry which is none of these.
        """
        networks: list[Network] = []
        addresses: set[tuple[Address, int]] = set()
        names: set[tuple[str, int]] = set()
        for entry in filter(None, (part.strip() for part in text.split(","))):
            match _network_of(entry) or _endpoint_of(entry):
                case IPv4Network() | IPv6Network() as network:
                    networks.append(network)
                case (str(host), int(port)):
                    address = address_of(host)
                    if address is None:
                        names.add((plain_name(host), port))
                    else:
                        addresses.add((address, port))
                case _:
                    raise ValueError(
                        f"FETCH_ALLOW: {entry!r} is neither host:port nor a network like "
                        "10.1.0.0/16."
                    )
        return cls(tuple(networks), frozenset(addresses), frozenset(names))

    def opens(self, name: str, port: int, address: Address) -> bool:
        """Whether `address`, which the host `name` of a URL has, is opened at `port`."""
        if any(address in network for network in self.networks):
            return True
        if (address, port) in self.addresses:
            return True
        return (
            (plain_name(name), port) in self.names
            and address not in _METADATA
            and any(address in network for network in _MAY_BE_OPENED_BY_NAME)
        )


def plain_name(host: str) -> str:
    """`host` as names are compared: in small letters and without the dot of the root."""
    return host.lower().removesuffix(".")


def address_of(host: str) -> Address | None:
    """The address that `host` writes out in its usual form, or None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _network_of(entry: str) -> Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None


def _endpoint_of(entry: str) -> tuple[str, int] | None:
    host, colon, port = entry.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    named = ":" not in host or address_of(host) is not None
    if not (colon and host and named and port.isascii() and port.isdecimal()):
        return None
    return (host, int(port)) if 0 < int(port) < 65536 else None
