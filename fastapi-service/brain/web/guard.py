"""
Keeps fetching on the public internet, against every trick that ends inside our own network.

    URL ── check_url ──> name ── resolve ──> addresses ── all permitted? ──> connect to one of THOSE

The name is looked up once and the connection goes to an address that was checked, so a name that
means something else a moment later (DNS rebinding) gains nothing. Every request passes here, hence
every redirect too. Nothing has to be known about odd spellings of addresses: whatever they mean,
it is the address that is judged.
"""

import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from types import TracebackType
from typing import Self

import anyio
import httpx

from brain.web.addresses import WEB_PORTS, Address, Allowed, address_of, is_public, plain_name
from brain.web.errors import FetchFailed, Refused

MAX_URL = 2048
TRIED = 3
"""Addresses of one name that are tried before it counts as down."""

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""The addresses of a host name (ASCII) for a port, best first. Raises OSError."""

_PORT = {"http": 80, "https": 443}
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\\]")
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?$")
"""WHATWG URL, "ends in a number checker": such a host is an IPv4 address or nothing."""


def check_url(text: str) -> httpx.URL:
    """
    `text` as a URL that may be looked up.

    Raises `Refused` for another scheme, a name or password, no host, an address in an odd spelling
    (decimal, octal, hexadecimal, shortened, with a zone), and for what is no URL.
    """
    if len(text) > MAX_URL or _UNPRINTABLE.search(text):
        raise Refused("This is not a web address: it is too long or holds blanks or signs.")
    try:
        url = httpx.URL(text)
        name, port = url.host, port_of(url)  # reading the name decodes it, which may fail
    except (httpx.InvalidURL, ValueError) as wrong:
        raise Refused("This is not a web address.") from wrong
    if url.scheme not in _PORT or not name:
        raise Refused("Only web addresses that begin with http:// or https:// are fetched.")
    if url.userinfo:
        raise Refused("A web address with a name or password in it is not fetched.")
    host = host_of(url)
    odd = _ENDS_IN_NUMBER.search(host) and address_of(host.removesuffix(".")) is None
    if odd or "%" in host or not 0 < port < 65536:
        raise Refused("This web address names its host in an odd way and is not fetched.")
    return url


def host_of(url: httpx.URL) -> str:
    """The host as it is looked up: ASCII, an IPv6 address without brackets."""
    return url.raw_host.decode("ascii")


def port_of(url: httpx.URL) -> int:
    """The port, also where the URL leaves it to its scheme."""
    return url.port if url.port is not None else _PORT.get(url.scheme, 0)


async def look_up(host: str, port: int) -> list[Address]:
    """What the system's resolver says; an address that is written out is itself."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = (address_of(str(entry[4][0]).partition("%")[0]) for entry in found)
    return list(dict.fromkeys(address for address in addresses if address is not None))


class GuardedTransport(httpx.AsyncBaseTransport):
    """
    An httpx transport that connects to nothing but permitted addresses. Opened with `async with`.

    It keeps no connection: one made for a name must not carry requests for another name that has
    the same address. Raises `Refused`, and `FetchFailed` when a name has no address.
    """

    def __init__(
        self,
        allowed: Allowed,
        *,
        resolve: Resolve = look_up,
        ports: frozenset[int] = WEB_PORTS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._ports = ports
        self._inner = httpx.AsyncHTTPTransport(
            verify=tls or system_tls(),
            trust_env=False,  # a proxy would look the name up again
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._inner.__aexit__(exc_type, exc_value, traceback)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` to an address of its host, once all of them were found permitted."""
        url = check_url(str(request.url))
        addresses = await self._permitted(url)
        failed: httpx.TransportError | None = None
        for address in addresses[:TRIED]:
            try:
                return await self._inner.handle_async_request(_sent_to(address, request))
            except (httpx.ConnectError, httpx.ConnectTimeout) as unreachable:
                failed = unreachable
        assert failed is not None
        raise failed

    async def _permitted(self, url: httpx.URL) -> Sequence[Address]:
        """The addresses to connect to. One that is not permitted spoils all."""
        host, port = host_of(url), port_of(url)
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as unknown:
            raise FetchFailed(f"There is no server called {host}.") from unknown
        if not addresses:
            raise FetchFailed(f"There is no server called {host}.")
        for address in addresses:
            if self._allowed.opens(host, port, address):
                continue
            if not is_public(address):
                raise Refused(
                    f"{host} is not on the public internet, so it is not fetched. "
                    "An operator can open it with FETCH_ALLOW."
                )
            if port not in self._ports:
                raise Refused(f"Only the usual web ports are fetched, not port {port} of {host}.")
        return addresses


def _sent_to(address: Address, request: httpx.Request) -> httpx.Request:
    """The same request for one address; the certificate and `Host` still have to fit the name."""
    name = plain_name(host_of(request.url))
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )


@cache
def system_tls() -> ssl.SSLContext:
    """One for the whole process: reading the certificates takes 20 ms and a megabyte each time."""
    return ssl.create_default_context()
