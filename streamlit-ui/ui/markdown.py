"""
A model's Markdown as Streamlit is to draw it.

Streamlit knows more than models mean (`:red[…]`, `$` anywhere is LaTeX) and less (`\\(…\\)`), and
loads pictures from wherever a text says, which would tell a stranger's server what is read here.
Code is left alone.
"""

import re

CODE = re.compile(
    r"(?P<fence>^[ ]{0,3}(?P<mark>`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}(?P=mark)[`~]*[ \t]*$|\Z))"
    r"|(?P<inline>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))",
    re.DOTALL | re.MULTILINE,
)
"""CommonMark 0.31, 4.5 and 6.1; a fence without an end goes on to the end of the text."""

DISPLAY = re.compile(r"\\\[(.+?)\\\]", re.DOTALL)
INLINE = re.compile(r"\\\((.+?)\\\)", re.DOTALL)
DOLLARS = re.compile(
    r"(?<!\\)(?:\$\$.+?\$\$|\$(?![\s$])[^$\n]*?(?<![\s\\$])\$(?!\d)|\$)", re.DOTALL
)
"""Pandoc's rule (tex_math_dollars): no space inside, no digit behind; else it is money."""

COLOUR = re.compile(r":(?=[a-z-]+\[)")
NAMED = re.compile(r"(?<![\w:/.-]):(?=material/|[\w+-]+:)")
"""What Streamlit would make an icon or an emoji of, even behind a backslash; no part of a URL."""

JOINER = "\u2060"
"""No width, and no place to break a line (Unicode: WORD JOINER)."""


def for_streamlit(text: str) -> str:
    """`text` for `st.markdown`."""
    pieces, end = [], 0
    for code in CODE.finditer(text):
        pieces += [_prose(text[end : code.start()]), code.group()]
        end = code.end()
    return "".join([*pieces, _prose(text[end:])])


def plain(text: str) -> str:
    """`text` so that `st.markdown` and labels show it letter by letter, on one line."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~$:<>&^=])", r"\\\1", _unnamed(" ".join(text.split())))


def _prose(text: str) -> str:
    text = DISPLAY.sub(lambda found: f"$${found.group(1)}$$", text)
    text = INLINE.sub(lambda found: f"${found.group(1).strip()}$", text)
    pieces, end = [], 0
    for found in DOLLARS.finditer(text):
        pieces += [_words(text[end : found.start()]), _dollar(found.group())]
        end = found.end()
    return "".join([*pieces, _words(text[end:])])


def _dollar(found: str) -> str:
    return r"\$" if found == "$" else found


def _words(text: str) -> str:
    text = COLOUR.sub(r"\\:", text.replace("![", r"\!["))
    return _unnamed(text)


def _unnamed(text: str) -> str:
    return NAMED.sub(f":{JOINER}", text)
