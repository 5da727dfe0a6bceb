"""Bytes to text, whatever the encoding; and what is no text at all."""

import codecs

import charset_normalizer

SAMPLE_BYTES = 65_536
"""How much is looked at to guess an encoding."""
LEGACY = (
    "cp1252", "cp1251", "cp1250", "koi8_r", "cp932", "gb18030", "big5", "cp949", "euc_jp",
    "cp1253", "cp1255", "cp1256", "cp1254",
)  # fmt: skip
"""What people's programs wrote before UTF-8, the most common first (W3Techs). Of the hundred that
charset-normalizer knows, rare ones win too easily on short texts."""
MAX_CONTROL_SHARE = 0.02
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""UTF-32 before UTF-16: the shorter mark begins the longer one."""
_ORDINARY_CONTROLS = "\n\r\t\f\x1b"
"""Escape: logs of terminals are full of it."""


def decoded(data: bytes) -> str | None:
    """The text with \\n at the end of lines and no byte order mark; None where it is binary."""
    text = _unicode(data)
    if text is None and b"\0" not in data:
        text = _legacy(data)
    if text is None or _looks_binary(text):
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unicode(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    try:
        return data.decode(_unmarked(data))
    except UnicodeDecodeError:
        return None


def _unmarked(data: bytes) -> str:
    """UTF-16 without a mark shows by every other byte of Western text being 0."""
    sample = data[:SAMPLE_BYTES]
    if sample[1::2].count(0) > len(sample) // 4:
        return "utf-16-le"
    if sample[::2].count(0) > len(sample) // 4:
        return "utf-16-be"
    return "utf-8"


def _legacy(data: bytes) -> str | None:
    """The least chaotic reading; among equals the one in a language, then the most common."""
    found = charset_normalizer.from_bytes(data[:SAMPLE_BYTES], cp_isolation=list(LEGACY))
    best = min(
        found,
        key=lambda one: (round(one.chaos, 2), -round(one.coherence, 1), LEGACY.index(one.encoding)),
        default=None,
    )
    return None if best is None else data.decode(best.encoding, "replace")


def _looks_binary(text: str) -> bool:
    if "\0" in text:
        return True
    sample = text[:SAMPLE_BYTES]
    controls = sum(mark < " " and mark not in _ORDINARY_CONTROLS for mark in sample)
    return controls > MAX_CONTROL_SHARE * len(sample)
