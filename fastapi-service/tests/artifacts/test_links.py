"""A link opens one file, for everybody who has it, until its hour."""

from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from brain.artifacts.links import Links
from shared.clock import ManualClock

SECRET = "l" * 8 + "-test-only-" + "kx" * 16
ONE, OTHER = "0" * 32, "1" * 32
HOUR = 3600.0


@pytest.fixture
def links(clock: ManualClock) -> Links:
    return made(clock)


def made(clock: ManualClock, secret: str = SECRET) -> Links:
    return Links(secret, public_url="https://b.example/", longest_seconds=12 * HOUR, clock=clock)


def parts(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_link_names_the_public_address(links: Links, clock: ManualClock) -> None:
    assert links.plain(ONE) == f"https://b.example/artifacts/{ONE}"
    assert links.signed(ONE, until=clock.now() + HOUR).startswith(f"{links.plain(ONE)}?expires=")


async def test_a_link_opens_its_file_until_its_hour(links: Links, clock: ManualClock) -> None:
    query = parts(links.signed(ONE, until=clock.now() + HOUR))
    assert links.opens(ONE, **query)
    assert not links.opens(OTHER, **query)
    await clock.advance(HOUR - 1)
    assert links.opens(ONE, **query)
    await clock.advance(1)
    assert not links.opens(ONE, **query)


async def test_no_link_lasts_longer_than_files_do(links: Links, clock: ManualClock) -> None:
    query = parts(links.signed(ONE, until=clock.now() + 1e9))
    assert float(query["expires"]) == clock.now() + 12 * HOUR
    later = parts(made(clock).signed(ONE, until=clock.now() + HOUR))
    forged = {**query, "expires": str(int(later["expires"]) + 1)}
    assert not links.opens(ONE, **forged)


@pytest.mark.parametrize("expires", ["", "-1", "1e9", "٣", " 1", "9" * 40, "0x10", "1.0"])
def test_an_hour_that_is_no_number_opens_nothing(links: Links, expires: str) -> None:
    assert not links.opens(ONE, expires=expires, signature="x")


@pytest.mark.parametrize("signature", ["", "x", "ü", "\ud800", "=" * 44])
def test_a_wrong_signature_opens_nothing(links: Links, clock: ManualClock, signature: str) -> None:
    query = parts(links.signed(ONE, until=clock.now() + HOUR))
    assert not links.opens(ONE, expires=query["expires"], signature=signature)


def test_another_secret_makes_other_links(links: Links, clock: ManualClock) -> None:
    query = parts(made(clock, SECRET[::-1]).signed(ONE, until=clock.now() + HOUR))
    assert not links.opens(ONE, **query)


def test_a_signature_is_no_token_s(links: Links, clock: ManualClock) -> None:
    query = parts(links.signed(ONE, until=clock.now() + HOUR))
    body = f"{ONE}\n{query['expires']}".encode()
    algorithm = jwt.get_algorithm_by_name("HS256")
    by_token_key = algorithm.sign(body, algorithm.prepare_key(SECRET))
    assert jwt.utils.base64url_encode(by_token_key).decode() != query["signature"]
