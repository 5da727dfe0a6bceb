"""
Formulas and code in a text, by how they are written rather than by words.

Every pattern is bounded, so that no text makes it slow.
"""

import re

FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
INLINE = re.compile(r"`[^`\n]{1,200}`")

_CODE = re.compile(
    r"""
      \bdef\s+\w+\s*\( | \bfunction\s*\w*\s*\( | \bfn\s+\w+\s*[(<] | \bfunc\s+\w+\s*\(
    | \bclass\s+\w+\s*[:({] | \bfor\s+\w+\s+in\s+\w+\s*[(:\[] | \bfor\s*\(\s*(?:int|let|var|auto)\b
    | \bconsole\.log\s*\( | \bprintf?\s*\(\s*["'] | \bSystem\.out | \#include\s*[<"]
    | \bSELECT\s+[\w*,.\s]{1,80}\sFROM\b | \bimport\s+\w+[\w.]*(?:\s*;|\s+from\b|\s*$)
    | \bpublic\s+(?:static|class|void)\b | \b(?:const|let|var)\s+\w+\s*= | =>\s*[{(\w]
    | </\w+> | \breturn\s+[\w.]+\s*; | \w\(\)\s*;? \s*\{ | ;\s*\n
    | \bcurl\s+-[A-Za-z]\b | \bprint\s*\(\w
    """,
    re.VERBOSE,
)
_ERROR = re.compile(
    r"\b[A-Z][A-Za-z]{2,40}(?:Error|Exception)\b|\bTraceback\b|\berror(?:\[E\d{2,5}\]| TS\d{3,5})"
    r"|\bSIG(?:SEGV|ABRT|KILL)\b|\bE(?:ACCES|NOENT|ADDRINUSE|CONNREFUSED)\b"
)

_OF = r"(?:of|von|vom|de|del|di|do|da|dos|des|d'|van|z|ze|od|от|из|من|sur|su)"
_PERCENT = (
    r"(?:%|percent|per cent|prozent|procent|por ?ciento|per ?cento|por ?cento|pour ?cent"
    r"|процент\w{0,3})"
)
_PERCENT_OF = re.compile(
    rf"\d\s?{_PERCENT}\s+{_OF}\s*(?:[^\W\d]{{2,6}}\s)?[^\w\s]?\s?\d"
    r"|\d\s?[^\W\d]{0,3}?\s?[の的]\s?\d{1,4}(?:\.\d+)?\s?%"
    r"|\d'?[^\W\d]{0,4}\syuzde\s\d"
    r"|\d\s?%\s?的\s?\d|\d의\s?\d{1,4}\s?%"
    rf"|(?<![\d/])\d+/\d+\s+{_OF}\s+\d|(?<![\d/])\d+/\d+\s[^\W\d]{{1,4}}\s(?:[^\W\d]\s)?(?:percent|prozent|porcen|pourcen)"
)
_NAME = r"(?:sin|cos|tan|ln|log\d{0,2}|sqrt|exp|sen)"
_TERM = rf"(?:[0-9.]|(?<![^\W\d])[a-z](?![^\W\d])|[-+*/^()×÷·√−\s]|{_NAME})"
_EQUATION = re.compile(rf"({_TERM}{{2,60}})=(?![=>])\s?[-−]?[0-9a-z(]")
_OPERATOR = re.compile(r"[-+*/^×÷·−]|\d\s?[a-z]")
_VARIABLE = re.compile(r"(?<![^\W\d])[a-z](?![^\W\d])")
_EXPRESSION = re.compile(
    rf"(?<!\w){_NAME}\s?\(|[∫∑∏√∂]|(?<![^\W\d])[a-z]\s?\^\s?[\d{{(a-z]|(?<!\w)[fg]\([a-z]\)"
    r"|\[\[\s?-?\d|(?<!\w)\d+!(?!\w)|(?<!\w)0x[0-9a-f]+|(?<![^\W\d])[a-z]\s?[-+*/·]\s?\d"
    r"|\d[a-z]\s?[-+*/^]|->\s?(?:0|∞|inf)|\d+\s?[-+]\s?\d*i\b|(?<!\w)[a-z][·*][a-z]{2}\("
)
_ARITHMETIC = re.compile(r"\d\)?\s?(?:[*×÷^+·]|\bx\b|\bmal\b|\btimes\b|\bplus\b|\bpor\b)\s?\(?-?\d")
_QUOTIENT = re.compile(r"(?<![\d/.])\d+\)?\s?[-/−]\s?\(?\d+(?![\d/.])")
_SPEED = re.compile(r"\d\s?(?:km/h|kmh|m/s|mph|км/ч)")
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def without_code(text: str) -> tuple[str, bool]:
    """The prose of `text`, and whether there is code in it."""
    prose = FENCE.sub(" ", text)
    fenced = len(prose) != len(text)
    return INLINE.sub(" ", prose) if fenced else prose, fenced or bool(_CODE.search(text))


def names_an_error(text: str) -> bool:
    """Whether the text holds an error's technical name (`KeyError`, `ENOENT`)."""
    return bool(_ERROR.search(text))


def takes_percent(text: str) -> bool:
    """Whether the normalised text asks for a share of a number: 15 % of 80."""
    return bool(_PERCENT_OF.search(text))


def has_equation(text: str) -> bool:
    """Whether there is an equation with an unknown, more than an assignment."""
    return any(
        _OPERATOR.search(found[1]) and _VARIABLE.search(found[1])
        for found in _EQUATION.finditer(text)
    )


def has_expression(text: str) -> bool:
    """Whether something is written as only mathematics writes it."""
    return bool(_EXPRESSION.search(text))


def has_arithmetic(text: str) -> bool:
    """Whether numbers are joined by an operator that dates and ranges do not use."""
    return bool(_ARITHMETIC.search(text))


def has_quotient(text: str) -> bool:
    """As `has_arithmetic`, for `-` and `/`, which are also in dates and ranges."""
    return bool(_QUOTIENT.search(text))


def has_speed(text: str) -> bool:
    """Whether a speed is given, as in tasks about trains."""
    return bool(_SPEED.search(text))


def count_numbers(text: str) -> int:
    """How many numbers stand in the text."""
    return len(NUMBER.findall(text))
