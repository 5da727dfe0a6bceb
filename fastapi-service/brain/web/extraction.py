"""
`python -m brain.web.extraction`: reads the text out of one HTML page, within limits, and ends.

Standard input: one line of JSON `{"charset"}`, then the page. Standard output: `{"title", "text"}`.
"""

import codecs
import json
import math
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 10.0
"""Of CPU, for everything; 5 MB of usual paragraphs take 4.7 (measured), most pages 0.1."""
PATIENCE_SECONDS = 5.0
"""For finding the main part; then the whole text has to do, which takes 0.2."""
MEMORY_BYTES = 1_000_000_000
MAX_TEXT = 400_000
"""Characters of a page that are kept; the Bible has ten times as many."""
NICENESS = 10
"""Answers that are being streamed go first."""


def main() -> None:
    """Read, answer, end. Dies at a limit, without an answer."""
    order = json.loads(sys.stdin.buffer.readline())
    confine()
    title, text = extracted(sys.stdin.buffer.read(), order["charset"])
    sys.stdout.buffer.write(json.dumps({"title": title, "text": text[:MAX_TEXT]}).encode())


def extracted(body: bytes, charset: str | None) -> tuple[str, str]:
    """Title and main text of an HTML page; the whole text where no main part can be told."""
    from trafilatura import bare_extraction, html2txt, load_html  # after the limits are set

    page = decoded(body, charset)
    tree = load_html(page)
    if tree is None:
        return "", ""
    title, text = tree.findtext(".//title") or "", ""
    try:
        with hurried():
            found = bare_extraction(tree, include_comments=False)
        if found is not None and not isinstance(found, dict):
            text = found.text or ""
    except TooSlow:
        pass
    return title.strip(), text.strip() or html2txt(page).strip()


class TooSlow(BaseException):
    """Finding the main part took too long. Not an Exception, as libraries catch those."""


@contextmanager
def hurried() -> Iterator[None]:
    """Raises `TooSlow` inside after `PATIENCE_SECONDS`; without an end on Windows."""
    if sys.platform == "win32":
        yield
        return

    def ring(number: int, frame: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def decoded(body: bytes, charset: str | None) -> bytes | str:
    """As text where its marks or the server say how; else as bytes, for a guess at what it is."""
    if body.startswith(codecs.BOM_UTF8):
        return body.decode("utf-8-sig", "replace")
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    return body.decode(charset, "replace") if charset else body


def confine() -> None:
    """From now on this process has so much memory and time and writes no file."""
    if sys.platform == "win32":
        return
    import resource

    os.nice(NICENESS)
    seconds = math.ceil(SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
