"""How addresses are written in settings: leniently where a tool does so, refused by sentence."""

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

OLLAMA_PORT = 11434
HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*(%\w+)?")
"""A name, an IPv4 address, or an IPv6 address without its brackets."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})
USUAL_PORTS = {"http": 80, "https": 443}
EXAMPLE = "must be an address like http://host:port"
BARE = (
    "must be an address like http://host:port without user, password, query or fragment: "
    "where servers are is shown to everybody"
)


def _parsed(text: str) -> SplitResult:
    """Raises `ValueError` for what is no http or https URL with a host."""
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as wrong:
        raise ValueError(EXAMPLE) from wrong
    if url.scheme not in USUAL_PORTS or not HOST.fullmatch(url.hostname or ""):
        raise ValueError(EXAMPLE)
    return url


def refuse_secrets(url: str) -> None:
    """Raises `ValueError` for a part of a server's address that may hold a password or a key."""
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(BARE)


def place_of(url: str) -> str:
    """`scheme://host:port` alone, which is what is shown and logged; a mere name stays one."""
    parts = urlsplit(url)
    if not parts.netloc:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def identity(url: str) -> tuple[str, int, str]:
    """Equal for two spellings of one server: names of loopback, usual ports, `/v1` at the end."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    host = "localhost" if host in LOOPBACK else host
    path = parts.path.rstrip("/").removesuffix("/v1")
    return host, parts.port or USUAL_PORTS[parts.scheme], path


def _place(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


def _url(text: str) -> str:
    url = _parsed(text.strip())
    place = _place(url.hostname or "", url.port)
    return f"{url.scheme}://{place}{url.path.rstrip('/')}"


def _model_server(text: str) -> str:
    """`host:port` becomes a URL, an address that means "everywhere" the loopback one."""
    text = text.strip()
    refuse_secrets(text if "://" in text else f"//{text}")
    if text.count(":") > 1 and "[" not in text and "://" not in text:
        text = f"[{text}]"  # a bare IPv6 address
    url = _parsed(text if "://" in text else f"http://{text}")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(url.hostname or "", url.hostname or "")
    return f"{url.scheme}://{_place(host, url.port)}{url.path.rstrip('/')}"


def _ollama(text: str) -> str:
    """The same with Ollama's own port where none is given (its envconfig does so, too)."""
    url = urlsplit(_model_server(text))
    if url.port is not None or url.scheme == "https":
        return url.geturl()
    return f"{url.scheme}://{url.netloc}:{OLLAMA_PORT}{url.path}"


def _origin(text: str) -> str:
    """As a browser sends it: lower case, no usual port, no path (RFC 6454, section 6.1)."""
    try:
        url = _parsed(text.lower())
    except ValueError as wrong:
        raise ValueError(
            "must be addresses of pages like https://host:port, separated by commas"
        ) from wrong
    if url.path or url.query or url.fragment:
        raise ValueError("must be addresses without a path, like https://host:port")
    port = None if url.port == USUAL_PORTS[url.scheme] else url.port
    return f"{url.scheme}://{_place(url.hostname or '', port)}"


def _listed(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
    return value


def _origins(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_origin(one) for one in given)


def _bindable(text: str) -> str:
    """Whether it is one of this machine is only known when a service listens there."""
    if not HOST.fullmatch(text.strip()):
        raise ValueError(
            "must be an address of this machine: 127.0.0.1 for this machine alone, 0.0.0.0 for all"
        )
    return text.strip()


def pages_at(port: int, *, bind_address: str) -> tuple[str, ...]:
    """
    The origins of pages served here at `port`: by the loopback names, and by the address the
    services listen on where that is one machine's own (0.0.0.0 and :: are none).
    """
    hosts = ["127.0.0.1", "localhost", "::1"]
    if bind_address not in (*hosts, "0.0.0.0", "::"):
        hosts.append(bind_address)
    return tuple(_origin(f"http://{_place(host, port)}") for host in hosts)


Url = Annotated[str, AfterValidator(_url)]
"""`http://host:port`, without a slash at its end."""

ModelServer = Annotated[str, AfterValidator(_model_server)]
"""`http://host:port` or `host:port`."""

OllamaServer = Annotated[str, AfterValidator(_ollama)]
"""As `OLLAMA_HOST` is read by Ollama itself."""

Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_origins)]
"""Origins of pages, in the environment separated by commas."""

BindAddress = Annotated[str, AfterValidator(_bindable)]
