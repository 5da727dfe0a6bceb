"""Nothing inside is ever reached: what is asked for leads to a listener, were it not refused."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from ipaddress import ip_address

import httpx
import pytest

from brain.web.addresses import Address, Allowed
from brain.web.errors import FetchFailed, Refused
from brain.web.guard import GuardedTransport, check_url, look_up
from small_web import Names, Site, moved, serving, words

HOSTS = """
127.0.0.1 127.1 127.0.1 127.0.0.1. 127.255.255.254 127.000.000.001 0127.0.0.1 0177.0.0.1
0177.0.0.01 0x7f.0.0.1 0x7f.1 0x7f000001 0X7F000001 0x7f.0x0.0x0.0x1 2130706433
2130706433. 017700000001 00000000177.1 127.0.0.1%2f 127.0.0.1%00 127.0.0.1%23 127。0。0。1
127．0．0．1 127｡0｡0｡1 ①②⑦.⓪.⓪.① １２７.０.０.１ 0 0.0 0.0.0.0 0x0 00 0000 [::] [::1]
[0:0:0:0:0:0:0:1] [0000::0001] [::ffff:127.0.0.1] [::ffff:7f00:1]
[0:0:0:0:0:ffff:127.0.0.1] [::127.0.0.1] [::7f00:1] [64:ff9b::127.0.0.1]
[64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::1]
[2001:0:0:0:0:0:80ff:fffe] [fe80::1] [fe80::1%25lo] [fe80::1%lo] [::1%25lo] [::1%lo]
[ff02::1] [fc00::1] [fd00:ec2::254] localhost LOCALHOST localhost. LocalHost ｌｏｃａｌｈｏｓｔ
loc\u00adalhost localhost%00 localhost%2e localhost%20 loc%61lhost ip6-localhost
127.0.0.1:80@127.0.0.1 user@127.0.0.1 user:pw@localhost 1.1.1.1@127.0.0.1
1.1.1.1&@127.0.0.1 1.1.1.1\\@127.0.0.1 1.1.1.1\\127.0.0.1 10.0.0.1 10.1 192.168.0.1
3232235521 0xc0a80001 172.16.0.1 100.64.0.1 169.254.169.254 2852039166 0xa9fea9fe
0251.0376.0251.0376 169.16689662 0251.254.0xa9.254 425.510.425.510
[::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [64:ff9b::a9fe:a9fe] 168.63.129.16
100.100.100.200 192.0.0.192 198.18.0.1 224.0.0.1 255.255.255.255 256.256.256.256 1.2.3
1e1 a..b
""".split()  # noqa: SIM905 - a list would be five times as long


class Tripwire(httpx.AsyncBaseTransport):
    """In the place of the connections behind the guard: nothing may come here."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.reached.append(str(request.url))
        return httpx.Response(200)


async def hosts_file(host: str, port: int) -> list[Address]:
    """What the C library reads a host as, odd numbers included, without asking any server."""
    if host.lower().rstrip(".") in ("localhost", "ip6-localhost"):
        return [ip_address("127.0.0.1"), ip_address("::1")]
    found = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST, type=socket.SOCK_STREAM)
    return [ip_address(entry[4][0]) for entry in found]


async def get(url: str, transport: httpx.AsyncBaseTransport) -> httpx.Response:
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        return await client.get(url)


@pytest.fixture
async def inside() -> AsyncIterator[list[Site]]:
    """The same port of 127.0.0.1, another loopback address and, where there is one, ::1."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(serving("127.0.0.1"))
        sites = [
            first,
            await stack.enter_async_context(serving("127.255.255.254", port=first.port)),
        ]
        with suppress(OSError):
            sites.append(await stack.enter_async_context(serving("::1", port=first.port)))
        yield sites


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", HOSTS)
async def test_no_spelling_of_an_inner_address_is_reached(
    host: str, scheme: str, inside: list[Site]
) -> None:
    port = inside[0].port
    transport = GuardedTransport(Allowed(), resolve=hosts_file, ports=frozenset({port}))
    with pytest.raises((FetchFailed, httpx.InvalidURL)):
        await get(f"{scheme}://{host}:{port}/", transport)
    assert [site.connections for site in inside] == [0] * len(inside)


def test_the_spellings_are_many() -> None:
    assert len(set(HOSTS)) >= 60


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f.1", "2130706433", "017700000001", "0", "127.0.0.1", "[::1]", "[::ffff:7f00:1]"],
)
async def test_what_the_system_takes_for_an_inner_address_is_refused_by_address_too(
    host: str, inside: list[Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the spelling not noticed, the address would be."""
    monkeypatch.setattr("brain.web.guard.check_url", httpx.URL)
    transport = GuardedTransport(Allowed(), ports=frozenset({inside[0].port}))
    with pytest.raises(Refused, match="public internet"):
        await get(f"http://{host}:{inside[0].port}/", transport)
    assert [site.connections for site in inside] == [0] * len(inside)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"],
        ["2606:4700::1", "::1"], ["10.0.0.7"], ["169.254.169.254"], ["fd00:ec2::254"],
        ["::ffff:192.168.0.1"], ["64:ff9b::a00:1"], ["2002:7f00:1::"], ["0.0.0.0"],
    ],
)  # fmt: skip
async def test_one_inner_address_of_a_name_spoils_all(addresses: list[str]) -> None:
    transport = GuardedTransport(Allowed(), resolve=Names({"evil.test": [addresses]}))
    transport._inner = wire = Tripwire()  # type: ignore[assignment]  # it counts what gets there
    with pytest.raises(Refused, match=r"evil\.test is not on the public internet"):
        await get("http://evil.test/", transport)
    assert wire.reached == []


async def test_a_name_is_looked_up_once_and_connected_to_what_was_checked() -> None:
    """Rebinding: the second answer is inside, and both addresses listen at the same port."""
    async with serving("127.0.0.2") as good, serving("127.0.0.1", port=good.port) as bad:
        good.paths["/"] = words("hello")
        names = Names({"evil.test": [["127.0.0.2"], ["127.0.0.1"]]})
        transport = GuardedTransport(Allowed.parse(f"127.0.0.2:{good.port}"), resolve=names)
        answer = await get(f"http://evil.test:{good.port}/", transport)
        assert answer.status_code == 200
        assert good.asked == [(f"evil.test:{good.port}", "/")]
        assert names.asked == ["evil.test"]
        again = GuardedTransport(Allowed.parse(f"127.0.0.2:{good.port}"), resolve=names)
        with pytest.raises(Refused):
            await get(f"http://evil.test:{good.port}/", again)
        assert bad.connections == 0


async def test_a_rebinding_name_is_checked_anew_for_each_request_of_a_visit() -> None:
    async with serving("127.0.0.2") as good, serving("127.0.0.1", port=good.port) as bad:
        good.paths["/"] = moved("/next")
        names = Names({"evil.test": [["127.0.0.2"], ["127.0.0.1"]]})
        transport = GuardedTransport(Allowed.parse(f"127.0.0.2:{good.port}"), resolve=names)
        async with httpx.AsyncClient(transport=transport, follow_redirects=True) as client:
            with pytest.raises(Refused):
                await client.get(f"http://evil.test:{good.port}/")
        assert (good.connections, bad.connections) == (1, 0)


@pytest.mark.parametrize("port", [22, 25, 6379, 8000, 8001, 11434])
async def test_other_ports_are_refused_even_outside(port: int) -> None:
    transport = GuardedTransport(Allowed(), resolve=Names({"web.test": [["93.184.216.34"]]}))
    transport._inner = wire = Tripwire()  # type: ignore[assignment]  # it counts what gets there
    with pytest.raises(Refused, match=f"port {port}"):
        await get(f"http://web.test:{port}/", transport)
    assert wire.reached == []


async def test_the_public_web_is_reached_by_address_under_its_name() -> None:
    names = Names({"web.test": [["93.184.216.34"]], "six.test": [["2606:4700::1"]]})
    transport = GuardedTransport(Allowed(), resolve=names)
    transport._inner = wire = Tripwire()  # type: ignore[assignment]  # it counts what gets there
    await get("https://web.test/a?b=c", transport)
    await get("http://six.test/", transport)
    assert wire.reached == ["https://93.184.216.34/a?b=c", "http://[2606:4700::1]/"]


async def test_the_next_address_is_tried_when_one_does_not_answer(site: Site) -> None:
    site.paths["/"] = words("hello")
    names = Names({"two.test": [["127.0.0.9", "127.0.0.1"]]})
    transport = GuardedTransport(Allowed.parse("127.0.0.0/8"), resolve=names)
    assert (await get(site.url(host="two.test"), transport)).status_code == 200


async def test_no_environment_leads_around_the_guard(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, site.url())
    transport = GuardedTransport(Allowed(), resolve=Names({"web.test": [["10.0.0.1"]]}))
    with pytest.raises(Refused):
        await get("http://web.test/", transport)
    assert site.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "javascript:alert(1)",
        "data:text/html,x", "//example.org/", "example.org", "http:///x", "http://", "", "http:x",
        "http://example.org:0/", "http://example.org:65536/", "http://example.org:8a/", "http://[::1",
        "http://a b/", "http://a/\nHost: b", "http://a/\x00", "http://xn--/", "dict://localhost:11211/",
        "unix:///run/x.sock", "http+unix://x/", "jar:http://a!/", "http://" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(Refused) as refused:
        check_url(url)
    assert refused.value.message.endswith(".")
    assert not refused.value.retryable


@pytest.mark.parametrize(
    "url",
    ["http://example.org", "HTTPS://EXAMPLE.org/a?b=c#d", "http://münchen.de/ü", "http://8.8.8.8/"],
)
def test_a_web_address_passes(url: str) -> None:
    assert check_url(url).host


async def test_the_systems_resolver_gives_addresses() -> None:
    assert [str(address) for address in await look_up("127.0.0.1", 80)] == ["127.0.0.1"]
