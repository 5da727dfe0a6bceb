from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from logsink.framing import Lines

LINES = st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line), max_size=8)


@given(lines=LINES, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_lines_are_the_same_however_the_bytes_arrive(lines: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    one = Lines()
    found = [line for at, end in pairwise(places) for line in one.feed(stream[at:end])]
    assert found == lines
    assert one.finish() == []


def test_a_line_that_never_ends_costs_only_itself_and_no_memory() -> None:
    one = Lines(limit=1000)
    found = one.feed(b"first\n" + b"x" * 900)
    for _ in range(10_000):
        found += one.feed(b"x" * 1000)
        assert len(one._rest) <= 1000
    found += one.feed(b"end of it\nlast\n")
    assert found == [b"first", b"last"]
    assert one.too_long == 1


def test_a_long_line_that_comes_at_once_is_refused_like_one_that_comes_in_pieces() -> None:
    one = Lines(limit=1000)
    assert one.feed(b"a\n" + b"x" * 1001 + b"\n" + b"y" * 1000 + b"\nb\n") == [
        b"a", b"y" * 1000, b"b",
    ]  # fmt: skip
    assert one.too_long == 1


def test_the_last_line_needs_no_end() -> None:
    one = Lines()
    assert one.feed(b"a\nb") == [b"a"]
    assert one.finish() == [b"b"]
    assert one.finish() == []
