"""Which files go on."""

from bot.chat.attachments import Offered, sorted_out


def test_files_go_on_with_their_address() -> None:
    (file,), complaints = sorted_out([Offered("a.py", "text/x-python; charset=utf-8", 9, "u")], 10)
    assert (file.filename, file.content_type, file.size, file.url) == (
        "a.py", "text/x-python", 9, "u",
    )  # fmt: skip
    assert complaints == []


def test_what_is_too_large_or_of_no_use_is_named() -> None:
    offered = [Offered("big.txt", None, 10_000_001, "u"), Offered("a.MP3", None, 1, "u")]
    files, complaints = sorted_out(offered, 10)
    assert files == []
    assert complaints == [
        "big.txt is larger than 10 MB.",
        "a.MP3: files of type .mp3 cannot be read.",
    ]


def test_more_than_ten_files_are_too_many() -> None:
    files, complaints = sorted_out([Offered("a.txt", None, 1, "u")] * 12, 10)
    assert (len(files), len(complaints)) == (10, 2)
