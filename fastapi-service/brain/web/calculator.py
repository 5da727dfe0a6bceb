"""
Works out what people write as sums, exactly in decimals, with bounds on everything.

The library simpleeval walks the expression; `sums` says what its signs mean. Numbers are decimals
of 100 digits, so 0.1 + 0.2 is 0.3, and no step takes over 10 ms whatever the numbers are: what
would pass 10^9999 is refused.
"""

import ast
import decimal
import re
from collections.abc import Iterator
from decimal import Decimal

import simpleeval  # type: ignore[import-untyped]  # it comes without types

from brain.web.errors import NotWorkedOut
from brain.web.sums import FUNCTIONS, NAMES, OPERATORS, factorial_of

MAX_LENGTH = 500
SHOWN = 15
"""Digits of a result that is not exact; more where the integer part has more."""
MAX_PLAIN = 60
"""Digits before the point that are written out, and zeros behind it."""
_LIMITS = decimal.Context(
    prec=100,
    Emax=9999,
    Emin=-9999,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.Subnormal],
)
_SIGNS = str.maketrans(
    {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "²": "^2", "³": "^3", "π": "pi",
     "°": " deg", "√": "sqrt", "[": "(", "]": ")", "{": "(", "}": ")"}
)  # fmt: skip
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)"
    r"|(?P<name>log10|log2|[a-z]+)|(?P<sign>//|\*\*|[-+*/^%!(),]))"
)
_WORDS = {"of": "*", "mod": "@", "^": "**"}
"""A remainder takes the sign @, which binds like *; % is mostly a percent here."""
_PERCENT, _FACTORIAL = "[0]", "[1]"
"""Written as subscripts, which bind as tightly as they should."""


def evaluate(expression: str) -> str:
    """
    The value of `expression` as a plain number: all digits when it is exact, else 15.

    Knows + - * / // ^ mod, brackets, `15%` (`200 + 15%` is 230, as on a pocket calculator), `5!`,
    `2 pi`, `sin(30°)`, and the functions and names of `sums`. Raises `NotWorkedOut`.
    """
    source = python_of(expression)
    with decimal.localcontext(_LIMITS) as here:
        here.clear_flags()
        try:
            value: Decimal = _Sum().eval(source)
            if not value.is_finite():
                raise decimal.InvalidOperation
            return shown(value, exact=not here.flags[decimal.Inexact])
        except decimal.DivisionByZero as wrong:
            raise NotWorkedOut("This divides by zero.") from wrong
        except decimal.Overflow as wrong:
            raise NotWorkedOut("The result is too large to be written down.") from wrong
        except decimal.Subnormal as wrong:
            raise NotWorkedOut("The result is too small to be written down.") from wrong
        except ArithmeticError as wrong:
            raise NotWorkedOut("This has no value among the real numbers.") from wrong
        except simpleeval.FunctionNotDefined as wrong:
            raise NotWorkedOut(f"There is no function called {wrong.func_name}.") from wrong
        except simpleeval.NameNotDefined as wrong:
            raise NotWorkedOut(f"It is not known what {wrong.name} is.") from wrong
        except _UNREADABLE as wrong:
            raise NotWorkedOut("This is not a sum that can be read.") from wrong


_UNREADABLE = (
    SyntaxError, RecursionError, MemoryError, TypeError, ValueError, simpleeval.InvalidExpression,
)  # fmt: skip


class _Sum(simpleeval.SimpleEval):  # type: ignore[misc]  # it comes without types
    """Walks a sum. Of Python it knows nothing but what is listed here."""

    def __init__(self) -> None:
        super().__init__(operators=dict(OPERATORS), functions=dict(FUNCTIONS), names={})
        self.nodes = {
            ast.Expr: self._eval_expr,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._eval_unaryop,
            ast.Call: self._eval_call,
            ast.Constant: self._number,
            ast.Name: self._name,
            ast.Subscript: self._postfix,
        }

    def _number(self, node: ast.Constant) -> Decimal:
        written = ast.get_source_segment(self.expr, node)
        assert written is not None
        return decimal.getcontext().create_decimal(written)

    def _name(self, node: ast.Name) -> Decimal:
        if node.id not in NAMES:
            raise simpleeval.NameNotDefined(node.id, self.expr)
        return NAMES[node.id]()

    def _binary(self, node: ast.BinOp) -> Decimal:
        """A percent that is added or taken away is one of what stands before it."""
        adds = isinstance(node.op, ast.Add | ast.Sub)
        if adds and _is_percent(node.right) and not _is_percent(node.left):
            left: Decimal = self._eval(node.left)
            share: Decimal = left * self._eval(node.right)
            return left + share if isinstance(node.op, ast.Add) else left - share
        value: Decimal = self._eval_binop(node)
        return value

    def _postfix(self, node: ast.Subscript) -> Decimal:
        value: Decimal = self._eval(node.value)
        return value / 100 if _is_percent(node) else factorial_of(value)


def _is_percent(node: ast.expr) -> bool:
    if not isinstance(node, ast.Subscript):
        return False
    return isinstance(node.slice, ast.Constant) and node.slice.value == 0


def python_of(expression: str) -> str:
    """What people write, as an expression of Python. Raises `NotWorkedOut`."""
    text = expression.strip().lower().translate(_SIGNS).rstrip("=? ")
    if not text or len(text) > MAX_LENGTH:
        raise NotWorkedOut(f"A sum has 1 to {MAX_LENGTH} characters.")
    text = re.sub(r"(?<=[\d)])\s*x\s*(?=[\d(])", "*", text)
    if not re.search(r"[a-z]\s*\(", text):  # else a comma may stand between arguments
        text = re.sub(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?!\d)", lambda n: n[0].replace(",", ""), text)
    return " ".join(_joined(list(_tokens(text))))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each part."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise NotWorkedOut("This holds signs that no sum has.")
        kind = found.lastgroup or ""
        word = found[kind]
        yield ("sign" if word in _WORDS else kind), word
        at = found.end()


def _joined(tokens: list[tuple[str, str]]) -> Iterator[str]:
    """The parts as Python writes them, with the * that people leave out."""
    before = ""
    for (kind, word), after in zip(tokens, [*tokens[1:], ("sign", ")")], strict=True):
        if _begins((kind, word)) and (
            before == "value" or (before == "number" and kind != "number")
        ):
            yield "*"
        if kind == "number":
            yield word.lstrip("0") if word.lstrip("0")[:1].isdigit() else "0" + word.lstrip("0")
            before = "number"
        elif kind == "name":
            yield word
            before = "value" if word in NAMES or after[1] != "(" else "function"
        else:
            yield _written(word, after)
            before = "value" if word in ")!" or (word == "%" and not _begins(after)) else "sign"


def _written(sign: str, after: tuple[str, str]) -> str:
    match sign:
        case "!":
            return _FACTORIAL
        case "%":
            return "@" if _begins(after) else _PERCENT
    return _WORDS.get(sign, sign)


def _begins(token: tuple[str, str]) -> bool:
    """Whether a value begins here."""
    return token[0] != "sign" or token[1] == "("


def shown(value: Decimal, *, exact: bool) -> str:
    """As people write numbers: plain, without zeros at the end."""
    if not exact and value:
        digits = max(SHOWN, value.adjusted() + 3) if value.adjusted() < MAX_PLAIN else SHOWN
        value = decimal.Context(prec=digits).plus(value)
    if value == 0:
        return "0"
    if not -MAX_PLAIN < value.adjusted() < 100:
        text = f"{value.normalize():e}"
        return text.replace("e+", "e")
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
