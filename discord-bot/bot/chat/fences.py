"""
Code blocks as Discord knows them: three backticks, a language, and nothing else.

Models write CommonMark: longer fences around shorter ones, tildes, fences behind a list's marker,
words behind the language. Discord ends a block at the next three backticks wherever they stand and
shows what it does not understand (Discord's help page "Markdown Text 101"). So every fence is
written its way, and three backticks that are no fence are kept apart by spaces without width.
"""

import re
from dataclasses import dataclass

ZERO_WIDTH = "\u200b"
MAX_LANGUAGE = 20
FENCE = re.compile(
    r"(?P<before>[ \t]*(?:>[ \t]*|(?:[-*+]|\d{1,9}[.)])[ \t]+)*)"
    r"(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)"
)
LANGUAGE = re.compile(r"[A-Za-z0-9_+.#-]+")
INLINE = re.compile(r"(?<!`)(`{3,})(?!`)([^`]+)(?<!`)\1(?!`)")
RUN = re.compile(r"`{3,}")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code block: the signs that opened it, and its language."""

    mark: str
    language: str


def as_discord_has_them(text: str) -> str:
    """`text` with every fence in Discord's way; afterwards ``` stands in fences alone."""
    if "```" not in text and "~~~" not in text:
        return text
    fence: Fence | None = None
    shown = []
    for line in text.split("\n"):
        before, fence = fence, _after(line, fence)
        found = FENCE.fullmatch(line) if before != fence else None
        if found is not None:
            shown.append(f"{found['before']}```{fence.language if fence else ''}")
        else:
            shown.append(_apart(line if before else INLINE.sub(r"`\2`", line)))
    return "\n".join(shown)


def _after(line: str, fence: Fence | None) -> Fence | None:
    """The code block open behind `line`, which began inside `fence` (CommonMark 0.31, 4.5)."""
    found = FENCE.fullmatch(line)
    if found is None:
        return fence
    mark, info = found["mark"], found["info"].strip()
    if fence is None:
        language = LANGUAGE.match(info)
        return Fence(mark, language[0][:MAX_LANGUAGE] if language else "")
    inside = info or found["before"].strip(" \t>") or not mark.startswith(fence.mark)
    return fence if inside else None


def _apart(line: str) -> str:
    return RUN.sub(lambda run: ZERO_WIDTH.join(run[0]), line)
