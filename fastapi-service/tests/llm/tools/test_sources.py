"""Numbers of sources, and which addresses are open."""

import pytest

from brain.llm.tools.sources import Cited, Sources, addresses_in

PAGE = "https://example.org/wiki/Mill"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"Read {PAGE}, please.", [PAGE]),
        (f"({PAGE}) [{PAGE}] <{PAGE}> *{PAGE}* “{PAGE}”", [PAGE] * 5),
        (f"See {PAGE}_(windmill)!", [f"{PAGE}_(windmill)"]),
        (f"[the mill]({PAGE})", [PAGE]),
        (f"{PAGE}?a=1&b=2#top", [f"{PAGE}?a=1&b=2#top"]),
        ("ftp://example.org, example.org and https:// are none", []),
        (f"読んで{PAGE}。", [PAGE]),
    ],
)
def test_addresses_are_found_without_what_surrounds_them(text: str, found: list[str]) -> None:
    assert addresses_in(text) == found


def test_of_very_many_links_the_first_are_open_so_that_choosing_one_says_little() -> None:
    sources = Sources()
    sources.open_all_in(" ".join(f"https://example.org/{number}" for number in range(20_000)))
    open_ones = [
        number for number in range(200) if sources.is_open(f"https://example.org/{number}")
    ]
    assert open_ones == list(range(100))


def test_a_page_keeps_its_number() -> None:
    sources = Sources()
    assert [sources.cite(url, "") for url in ("http://a/", "http://b/", "http://a/")] == [1, 2, 1]
    sources.cite("http://c/", "The mill")
    assert sources.cited[1:] == (
        Cited(2, "http://b/", "http://b/"),
        Cited(3, "The mill", "http://c/"),
    )


@pytest.mark.parametrize("url", [PAGE, f" {PAGE} ", "HTTPS://Example.org/wiki/Mill", f"{PAGE}#top"])
def test_an_address_is_open_however_it_is_spelled(url: str) -> None:
    sources = Sources()
    sources.open_all_in(f"Read {PAGE}.")
    assert sources.is_open(url)


@pytest.mark.parametrize(
    "url",
    [
        f"{PAGE}?said=everything", f"{PAGE}/everything", "https://example.org/wiki/",
        "https://everything.example.org/wiki/Mill", "http://example.org/wiki/Mill",
        "https://example.org:8443/wiki/Mill", "https://everything@example.org/wiki/Mill", "",
    ],
)  # fmt: skip
def test_nothing_can_be_added_to_an_open_address(url: str) -> None:
    sources = Sources()
    sources.open(PAGE)
    assert not sources.is_open(url)


def test_brackets_without_end_are_no_part_of_an_address() -> None:
    assert addresses_in("http://a/b" + ")" * 400_000) == ["http://a/b"]
