"""What a message says, as HTML: Discord's own kind of Markdown.

Source: Discord's help page "Markdown Text 101". It knows no tables, pictures or raw HTML, so
neither does this.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

# Pygments has no types of its own.
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]

_NOT_IN_DISCORD = [
    "image", "hr", "html_block", "html_inline", "lheading", "reference", "code", "table",
]  # fmt: skip
_URL = re.compile(r"https?://[^\s<]+[^\s<.,:;!?)\]]")
_USER = re.compile(r"&lt;@!?(\d+)&gt;")
_CHANNEL = re.compile(r"&lt;#(\d+)&gt;")
_SPOILER = re.compile(r"\|\|(.+?)\|\|")
_EVERYONE = re.compile(r"@(everyone|here)\b")


SMALL = "-# "
NO_GAP = " "
"""A blank line that nobody wrote."""


def render(text: str, names: Mapping[str, str]) -> str:
    """
    The HTML of a message's text; nothing of the text itself becomes markup.

    `names` has what `<@id>` and `<#id>` are shown as, by id.
    """
    html: str = _MARKDOWN.render(_apart(text), {"names": names})
    return html


def _apart(text: str) -> str:
    """In Discord quotes and small print end with their line; CommonMark would go on."""
    lines: list[str] = []
    fenced = ended = False
    for line in text.split("\n"):
        small = line.startswith(SMALL)
        if not fenced and (small or ended) and not line.startswith(">"):
            lines.append(NO_GAP)
        fenced ^= line.lstrip().startswith("```")
        ended = not fenced and (small or line.startswith("> "))
        lines.append(line)
    return "\n".join(lines)


def _gaps(state: StateCore) -> None:
    """Mark what stands behind a blank line: Discord shows that line, CommonMark does not."""
    lines = state.src.split("\n")
    for token in state.tokens:
        before = token.map[0] - 1 if token.map and token.nesting >= 0 else -1
        if before >= 0 and not lines[before] and token.type != "inline":
            token.attrJoin("class", "gap")


def _small(state: StateCore) -> None:
    for paragraph, words in itertools.pairwise(state.tokens):
        if words.type == "inline" and words.content.startswith(SMALL):
            words.content = words.content.removeprefix(SMALL)
            paragraph.attrJoin("class", "small")


def _words(
    _: RendererHTML, tokens: Sequence[Token], index: int, __: Any, env: Mapping[str, Any]
) -> str:
    names: Mapping[str, str] = env.get("names", {})
    html = escape(tokens[index].content)
    if not (index and tokens[index - 1].type == "link_open"):
        html = _URL.sub(
            lambda url: f'<a href="{url[0]}" target="_blank" rel="noreferrer">{url[0]}</a>', html
        )
    html = _USER.sub(lambda found: _mention("@", found, names), html)
    html = _CHANNEL.sub(lambda found: _mention("#", found, names), html)
    html = _SPOILER.sub(r'<span class="spoiler">\1</span>', html)
    return _EVERYONE.sub(r'<span class="mention">@\1</span>', html)


def _mention(sign: str, found: re.Match[str], names: Mapping[str, str]) -> str:
    return f'<span class="mention">{sign}{escape(names.get(found[1], "unknown"))}</span>'


def _code(
    _: RendererHTML, tokens: Sequence[Token], index: int, __: Any, ___: Mapping[str, Any]
) -> str:
    token = tokens[index]
    language = token.info.strip().split(" ")[0]
    inside = escape(token.content)
    if language:
        try:
            formatter = HtmlFormatter(nowrap=True, noclasses=True, style="monokai")
            inside = highlight(token.content, get_lexer_by_name(language, stripnl=False), formatter)
        except ClassNotFound:
            pass
    gap = ' class="gap"' if token.attrGet("class") else ""
    return f'<pre{gap} data-language="{escape(language)}"><code>{inside}</code></pre>'


def _link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, _: Any) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noreferrer")
    return renderer.renderToken(tokens, index, options, {})


def _discord() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"breaks": True, "html": False})
    markdown.enable("strikethrough").disable(_NOT_IN_DISCORD)
    markdown.core.ruler.before("inline", "small", _small)
    markdown.core.ruler.push("gaps", _gaps)
    markdown.add_render_rule("text", _words)
    markdown.add_render_rule("fence", _code)
    markdown.add_render_rule("link_open", _link)
    return markdown


_MARKDOWN = _discord()
