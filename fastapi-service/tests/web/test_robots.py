import pytest

from brain.web.errors import FetchFailed, Refused
from brain.web.robots import KEEP_SECONDS, parsed
from shared.clock import ManualClock
from small_web import Answer, Site, fetcher, moved, words

EVERYBODY = words("User-agent: *\nDisallow: /private\nAllow: /private/open\n")


async def test_what_a_site_does_not_want_is_not_fetched(site: Site) -> None:
    site.paths |= {"/robots.txt": EVERYBODY, "/private/x": words("secret")}
    with pytest.raises(Refused, match="does not want this page"):
        await fetcher().fetch(site.url("/private/x"))
    assert site.pages_asked() == []


async def test_what_it_allows_is_fetched(site: Site) -> None:
    site.paths |= {"/robots.txt": EVERYBODY, "/private/open": words("open"), "/": words("home")}
    visiting = fetcher()
    assert (await visiting.fetch(site.url("/private/open"))).text == "open"
    assert (await visiting.fetch(site.url("/"))).text == "home"


async def test_it_may_speak_to_us_by_name(site: Site) -> None:
    text = "User-agent: *\nAllow: /\n\nUser-agent: other\nUser-agent: trollama\nDisallow: /\n"
    site.paths |= {"/robots.txt": words(text), "/": words("home")}
    with pytest.raises(Refused):
        await fetcher().fetch(site.url("/"))


async def test_what_it_tells_others_is_not_for_us(site: Site) -> None:
    text = "User-agent: BadBot\nUser-agent: WorseBot\nDisallow: /\n"
    site.paths |= {"/robots.txt": words(text), "/": words("home")}
    assert (await fetcher().fetch(site.url("/"))).text == "home"


async def test_a_redirect_into_what_is_not_wanted_is_not_followed(site: Site) -> None:
    site.paths |= {"/robots.txt": EVERYBODY, "/": moved("/private/x"), "/private/x": words("x")}
    with pytest.raises(Refused):
        await fetcher().fetch(site.url("/"))
    assert site.pages_asked() == ["/"]


@pytest.mark.parametrize("status", [404, 403, 410])
async def test_a_site_without_wishes_allows_everything(status: int, site: Site) -> None:
    site.paths |= {"/robots.txt": Answer(status=status), "/": words("home")}
    assert (await fetcher().fetch(site.url("/"))).text == "home"


async def test_a_site_whose_wishes_cannot_be_had_is_left_alone_for_now(site: Site) -> None:
    site.paths |= {"/robots.txt": Answer(status=503), "/": words("home")}
    visiting = fetcher()
    with pytest.raises(FetchFailed, match="right now") as failed:
        await visiting.fetch(site.url("/"))
    assert failed.value.retryable
    del site.paths["/robots.txt"]
    assert (await visiting.fetch(site.url("/"))).text == "home"


async def test_wishes_are_remembered_for_an_hour(site: Site) -> None:
    site.paths |= {"/": words("home"), "/2": words("two")}
    clock = ManualClock()
    visiting = fetcher(clock=clock)
    await visiting.fetch(site.url("/"))
    await visiting.fetch(site.url("/2"))
    assert [path for _, path in site.asked] == ["/robots.txt", "/", "/2"]
    await clock.advance(KEEP_SECONDS + 1)
    await visiting.fetch(site.url("/2"))
    assert [path for _, path in site.asked][-2:] == ["/robots.txt", "/2"]


async def test_the_file_itself_may_lead_elsewhere(site: Site) -> None:
    site.paths |= {"/robots.txt": moved("/rules"), "/rules": EVERYBODY, "/private": words("x")}
    with pytest.raises(Refused):
        await fetcher().fetch(site.url("/private"))


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text",
    [
        "".join(f"User-agent: {n}\n" for n in range(20_000)) + "Disallow: /x\n" * 15_000,
        "User-agent: *\nDisallow: /" + "*a" * 100_000 + "$\n",
        "User-agent: *\n" + "Disallow: /*a*b*c$\n" * 20_000,
    ],
    ids=["many agents", "many stars", "many rules"],
)
def test_a_hostile_file_takes_no_longer_than_others(text: str) -> None:
    assert parsed(text.encode()).can_fetch("http://a.test/" + "a" * 2000 + "!", "Trollama")
