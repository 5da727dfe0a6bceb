import zlib

import anyio
import pytest

from brain.web.download import MAX_REDIRECTS, content_type
from brain.web.errors import FetchFailed, Refused
from small_web import Answer, Names, Site, fetcher, html, moved, serving, words


async def test_a_page_comes_with_its_title_and_main_text(site: Site) -> None:
    body = (
        "<html><head><title> Tea \n and more </title></head><body><nav><a href=/>Home</a></nav>"
        "<article><h1>Tea</h1><p>Tea is a drink that is made of leaves and hot water.</p>"
        + "<p>It has to stand for some minutes, and how many is a matter of taste.</p>"
        * 5
        + "<table><tr><th>kind</th><th>minutes</th></tr><tr><td>green</td><td>2</td></tr></table>"
        "</article><footer>Imprint</footer></body></html>"
    )
    site.paths["/tea"] = Answer(body.encode(), headers={"Content-Type": "text/html"})
    page = await fetcher().fetch(site.url("/tea#brewing"))
    assert (page.url, page.title, page.media_type) == (
        site.url("/tea"),
        "Tea and more",
        "text/html",
    )
    assert "leaves and hot water" in page.text
    assert "green | 2" in page.text
    assert "Home" not in page.text
    assert "Imprint" not in page.text


async def test_a_redirect_is_followed_and_the_last_url_is_told(site: Site) -> None:
    site.paths |= {"/a": moved("/b", 301), "/b": moved("c?x=1", 308), "/c?x=1": words("arrived")}
    page = await fetcher().fetch(site.url("/a"))
    assert (page.url, page.text) == (site.url("/c?x=1"), "arrived")


async def test_five_redirects_are_followed_and_not_six(site: Site) -> None:
    for number in range(8):
        site.paths[f"/{number}"] = moved(f"/{number + 1}")
    site.paths["/6"] = words("the end")
    assert (await fetcher().fetch(site.url("/1"))).text == "the end"
    with pytest.raises(FetchFailed, match="circles"):
        await fetcher().fetch(site.url("/0"))
    assert site.pages_asked().count("/6") == 1
    assert MAX_REDIRECTS == 5


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://localhost:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/", "http://2130706433:{port}/", "http://127.1:{port}/",
        "http://inner.test:{port}/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd",
        "ftp://127.0.0.1/", "http://user@127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/",
        "http://[fe80::1%25lo]:{port}/", "http://0:{port}/", "javascript:alert(1)", "http://",
    ],
)  # fmt: skip
async def test_no_redirect_leads_inside(target: str) -> None:
    async with serving("127.0.0.2") as open_site, serving(port=open_site.port) as inner:
        open_site.paths["/"] = moved(target.format(port=inner.port))
        names = Names({"inner.test": [["127.0.0.1"]], "localhost": [["127.0.0.1"]]})
        visit = fetcher(f"127.0.0.2:{open_site.port}", resolve=names)
        with pytest.raises(FetchFailed):
            await visit.fetch(open_site.url())
        assert inner.connections == 0


@pytest.mark.parametrize("status", [301, 303, 307, 308])
async def test_no_kind_of_redirect_leads_inside(status: int) -> None:
    async with serving("127.0.0.2") as open_site, serving() as inner:
        open_site.paths["/"] = moved(inner.url(), status)
        with pytest.raises(Refused):
            await fetcher(f"127.0.0.2:{open_site.port}").fetch(open_site.url())
        assert inner.connections == 0


async def test_a_meta_refresh_leads_nowhere(site: Site) -> None:
    text = "<meta http-equiv=refresh content='0;url=/b'><p>Read this text instead of leaving.</p>"
    site.paths |= {"/": html(text), "/b": words("no")}
    assert "instead of leaving" in (await fetcher().fetch(site.url())).text
    assert site.pages_asked() == ["/"]


async def test_what_is_on_the_page_is_never_loaded(site: Site) -> None:
    site.paths["/"] = html(
        "Only words count. <img src=/i.png><script src=/s.js></script><iframe src=/f></iframe>"
        "<link rel=stylesheet href=/c.css>"
    )
    await fetcher().fetch(site.url())
    assert site.pages_asked() == ["/"]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(404, "has no such page"), (403, "to programs"), (429, "later"), (500, "status 500"),
     (304, "status 304"), (204, "no text")],
)  # fmt: skip
async def test_a_failure_is_a_sentence(status: int, sentence: str, site: Site) -> None:
    site.paths["/"] = Answer(b"", status)
    with pytest.raises(FetchFailed, match=sentence):
        await fetcher().fetch(site.url())


async def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(FetchFailed, match=r"127\.0\.0\.9 cannot be reached"):
        await fetcher().fetch("http://127.0.0.9:9/")
    with pytest.raises(FetchFailed, match=r"no server called gone\.test"):
        await fetcher(resolve=Names()).fetch("http://gone.test/")


async def test_a_page_that_says_it_is_too_large_is_not_downloaded(site: Site) -> None:
    site.paths["/"] = Answer(
        b"x" * 2001, headers={"Content-Type": "text/plain", "Content-Length": "2001"}
    )
    with pytest.raises(FetchFailed, match=r"larger than 0\.002 MB"):
        await fetcher(max_bytes=2000).fetch(site.url())


async def test_a_page_without_an_end_is_left(site: Site) -> None:
    site.paths["/"] = Answer(endless=True, headers={"Content-Type": "text/plain"})
    with pytest.raises(FetchFailed, match="larger than 5 MB"):
        await fetcher().fetch(site.url())


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
async def test_a_packed_page_is_unpacked(encoding: str, site: Site) -> None:
    bits = {"gzip": 31, "deflate": 15, "raw deflate": -15}[encoding]
    packer = zlib.compressobj(wbits=bits)
    packed = packer.compress(b"hello " * 50) + packer.flush()
    site.paths["/"] = Answer(
        packed,
        headers={"Content-Type": "text/plain", "Content-Encoding": encoding.split()[-1]},
    )
    assert (await fetcher().fetch(site.url())).text == ("hello " * 50).strip()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_is_left_before_it_unpacks(encoding: str, site: Site) -> None:
    packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    bomb = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(20)) + packer.flush()
    assert len(bomb) < 30_000
    site.paths["/"] = Answer(
        bomb, headers={"Content-Type": "text/plain", "Content-Encoding": encoding}
    )
    with pytest.raises(FetchFailed, match="larger than 5 MB"):
        await fetcher().fetch(site.url())


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
async def test_other_packings_are_refused(encoding: str, site: Site) -> None:
    site.paths["/"] = Answer(b"x", headers={"Content-Encoding": encoding})
    with pytest.raises(FetchFailed, match="packed"):
        await fetcher().fetch(site.url())
    assert site.seen[-1]["accept-encoding"] == "gzip, deflate"


async def test_a_damaged_package_is_a_sentence(site: Site) -> None:
    site.paths["/"] = Answer(b"not packed", headers={"Content-Encoding": "gzip"})
    with pytest.raises(FetchFailed, match="damaged"):
        await fetcher().fetch(site.url())


async def test_a_page_that_drips_is_left_when_the_time_is_up(site: Site) -> None:
    site.paths["/"] = Answer(
        pieces=[b"drip "] * 100, pause=0.05, headers={"Content-Type": "text/plain"}
    )
    with pytest.raises(FetchFailed, match="takes too long"), anyio.fail_after(2):
        await fetcher(seconds=0.3).fetch(site.url())


async def test_a_redirect_chain_shares_one_time_limit(site: Site) -> None:
    for number in range(5):
        site.paths[f"/{number}"] = moved(f"/{number + 1}")
    site.paths["/5"] = Answer(
        pieces=[b"x"] * 100, pause=0.05, headers={"Content-Type": "text/plain"}
    )
    with pytest.raises(FetchFailed, match="takes too long"), anyio.fail_after(3):
        await fetcher(seconds=0.4).fetch(site.url("/0"))


async def test_cookies_last_for_one_visit(site: Site) -> None:
    site.paths |= {
        "/": Answer(status=302, headers={"Location": "/in", "Set-Cookie": "who=1; Path=/"}),
        "/in": words("inside"),
    }
    visiting = fetcher()
    await visiting.fetch(site.url())
    assert site.seen[-1]["cookie"] == "who=1"
    await visiting.fetch(site.url("/in"))
    assert "cookie" not in site.seen[-1]


async def test_nothing_of_ours_is_told(site: Site) -> None:
    site.paths["/"] = words("hello")
    await fetcher().fetch(site.url())
    told = {"host", "user-agent", "accept", "accept-language", "accept-encoding", "connection"}
    assert set(site.seen[-1]) == told
    assert "Trollama" in site.seen[-1]["user-agent"] or "trollama" in site.seen[-1]["user-agent"]


@pytest.mark.parametrize(
    ("body", "header", "text"),
    [
        ("Grüße".encode(), "text/plain", "Grüße"),
        ("Grüße".encode("cp1252"), "text/plain", "Grüße"),
        ("Grüße".encode("latin-1"), "text/plain; charset=ISO-8859-1", "Grüße"),
        ("Привет".encode("koi8-r"), "text/plain; charset=koi8-r", "Привет"),
        ("Grüße".encode("utf-16"), "text/plain; charset=utf-16", "Grüße"),
        (b"\xef\xbb\xbfhi", "text/plain; charset=utf-8", "hi"),
        (b"hi", "text/plain; charset=nonsense", "hi"),
        (b'{"a": 1}', "application/json", '{"a": 1}'),
        (b"<feed>x</feed>", "application/atom+xml", "<feed>x</feed>"),
        (b"# Title", "text/markdown", "# Title"),
        (b"no type", "", "no type"),
    ],
)  # fmt: skip
async def test_plain_kinds_are_read_as_they_are(
    body: bytes, header: str, text: str, site: Site
) -> None:
    site.paths["/"] = Answer(body, headers={"Content-Type": header} if header else {})
    assert (await fetcher().fetch(site.url())).text == text


@pytest.mark.parametrize(
    "name",
    ["hex", "zlib", "rot13", "idna", "punycode", "undefined", "unicode_escape", "utf-7", "base64"],
)
async def test_a_page_cannot_choose_a_codec_that_is_no_charset(name: str, site: Site) -> None:
    body = b"<p>a.b \\ud800 +2AA- tea</p>"
    site.paths["/"] = Answer(body, headers={"Content-Type": f"text/plain; charset={name}"})
    text = (await fetcher().fetch(site.url())).text
    assert "\\ud800 +2AA- tea" in text
    text.encode()


@pytest.mark.parametrize(
    "charset", ["gb2312", "gb18030", "big5", "euc-kr", "shift_jis", "windows-1251", "macintosh"]
)
def test_the_charsets_of_the_web_are_known(charset: str) -> None:
    assert content_type(f"text/plain; charset={charset}")[1] is not None


@pytest.mark.parametrize(
    ("page", "header"),
    [
        ("<html><body><p>Grüße aus Köln und Umgebung</p></body></html>".encode("latin-1"),
         "text/html; charset=iso-8859-1"),
        ('<html><head><meta charset="windows-1252"></head><body><p>Grüße aus Köln und Umgebung</p>'
         "</body></html>".encode("cp1252"), "text/html"),
        ("<!doctype html><p>Grüße aus Köln und Umgebung</p>".encode(), ""),
        ("<html><p>Grüße aus Köln und Umgebung</p></html>".encode("utf-16"), "text/html"),
    ],
)  # fmt: skip
async def test_html_is_read_in_its_charset(page: bytes, header: str, site: Site) -> None:
    site.paths["/"] = Answer(page, headers={"Content-Type": header} if header else {})
    assert "Grüße aus Köln und Umgebung" in (await fetcher().fetch(site.url())).text


async def test_another_kind_goes_to_the_reader_of_files(site: Site) -> None:
    async def read_file(name: str, body: bytes) -> str:
        return f"{name} holds {len(body)} bytes"

    site.paths["/docs/a.pdf?v=2"] = Answer(b"%PDF-", headers={"Content-Type": "application/pdf"})
    page = await fetcher(read_file=read_file).fetch(site.url("/docs/a.pdf?v=2"))
    assert (page.text, page.media_type) == ("a.pdf holds 5 bytes", "application/pdf")


async def test_a_file_that_cannot_be_read_is_a_sentence(site: Site) -> None:
    site.paths["/a.bin"] = Answer(b"\0\0", headers={"Content-Type": "application/octet-stream"})
    with pytest.raises(FetchFailed, match=r"a\.bin cannot be read"):
        await fetcher().fetch(site.url("/a.bin"))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"   ", b"<html></html>", b"<script>document.write('x')</script>", b"\x00\x00\x00",
        b"<" * 100_000, b"<div>" * 50_000, b"<![CDATA[" * 1000, bytes(range(256)) * 40,
    ],
)  # fmt: skip
async def test_a_page_without_text_is_a_sentence_and_no_crash(body: bytes, site: Site) -> None:
    site.paths["/"] = Answer(body, headers={"Content-Type": "text/html"})
    told = ""
    try:
        told = (await fetcher().fetch(site.url())).text
    except FetchFailed as failed:
        told = failed.message
    assert told


async def test_an_odd_url_is_refused_before_anything_is_looked_up() -> None:
    names = Names()
    with pytest.raises(Refused):
        await fetcher(resolve=names).fetch("http://user@example.org/")
    assert names.asked == []


async def test_a_page_that_is_no_longer_wanted_leaves_nothing_running(site: Site) -> None:
    site.paths["/"] = Answer(
        pieces=[b"x"] * 100, pause=0.05, headers={"Content-Type": "text/plain"}
    )
    with anyio.move_on_after(0.15):
        await fetcher().fetch(site.url())
    site.paths["/"] = words("again")
    assert (await fetcher().fetch(site.url())).text == "again"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text/html; charset=UTF-8", ("text/html", "utf-8")),
        ("Text/HTML", ("text/html", None)),
        ("", ("", None)),
        ("nonsense", ("", None)),
        ('text/html; charset="latin1"; x', ("text/html", "iso8859-1")),
        ("text/html; charset=\x00", ("text/html", None)),
        ("text/html\r\nX: y", ("text/html", None)),
    ],
)  # fmt: skip
def test_the_type_is_read_from_its_header(header: str, expected: tuple[str, str | None]) -> None:
    found = content_type(header)
    assert found == expected or (found[0].startswith("text/html") and "\r" in header)
