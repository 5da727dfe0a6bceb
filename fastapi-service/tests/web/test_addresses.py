from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.web.addresses import Allowed, is_public

NOT_PUBLIC = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1
127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255
192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1::1
2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 2002:808:808:: 3ffe::1
3fff::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1 ff0e::1
4000::1 e000::1
""".split()  # noqa: SIM905 - a list would be five times as long

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255
128.0.0.1 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255
192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
2606:4700:4700::1111 2a00:1450:4001:830::200e 2001:4860:4860::8888 2001:200::1 2003::1
::ffff:8.8.8.8 64:ff9b::8.8.8.8
""".split()  # noqa: SIM905 - a list would be five times as long


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_inside_or_special_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses())
def test_nothing_is_public_that_python_knows_to_be_special(address: object) -> None:
    found = ip_address(str(address))
    special = (
        found.is_private or found.is_loopback or found.is_link_local
        or found.is_multicast or found.is_reserved or found.is_unspecified
    )  # fmt: skip
    carried = found.version == 6 and (found.ipv4_mapped or str(found).startswith("64:ff9b::"))
    assert carried or not (special and is_public(found))


def test_a_network_is_opened_at_any_port() -> None:
    allowed = Allowed.parse("10.1.0.0/16, fd12::/32")
    assert allowed.opens("wiki.lan", 8080, ip_address("10.1.2.3"))
    assert allowed.opens("wiki.lan", 22, ip_address("fd12::1"))
    assert not allowed.opens("wiki.lan", 80, ip_address("10.2.0.1"))


def test_an_address_is_opened_at_its_port_alone() -> None:
    allowed = Allowed.parse("127.0.0.1:3000,[::1]:3001")
    assert allowed.opens("localhost", 3000, ip_address("127.0.0.1"))
    assert allowed.opens("localhost", 3001, ip_address("::1"))
    assert not allowed.opens("localhost", 3001, ip_address("127.0.0.1"))
    assert not allowed.opens("localhost", 3000, ip_address("127.0.0.2"))


def test_a_name_is_opened_for_private_addresses_whatever_its_spelling() -> None:
    allowed = Allowed.parse(" Wiki.LAN:80 ")
    assert allowed.opens("wiki.lan.", 80, ip_address("192.168.1.9"))
    assert not allowed.opens("wiki.lan", 443, ip_address("192.168.1.9"))
    assert not allowed.opens("other.lan", 80, ip_address("192.168.1.9"))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::"]
)
def test_a_name_never_opens_metadata(address: str) -> None:
    assert not Allowed.parse("wiki.lan:80").opens("wiki.lan", 80, ip_address(address))


def test_nothing_is_opened_by_default() -> None:
    assert Allowed.parse("") == Allowed.parse(" , ") == Allowed()


@pytest.mark.parametrize(
    "entry", ["wiki.lan", "10.0.0.1/8", ":80", "wiki:0", "wiki:65536", "wiki:x", "::1:80:", "a:b:1"]
)
def test_what_is_neither_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="FETCH_ALLOW") as wrong:
        Allowed.parse(f"10.0.0.0/8,{entry}")
    assert repr(entry) in str(wrong.value)
