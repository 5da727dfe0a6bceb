"""Real arithmetic behind the rehearsed answers: quadratic equations and plain sums."""

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from math import isqrt

_TERM = re.compile(r"([+-]?)\s*(\d*)\s*\*?\s*(x\s*(?:\^|\*\*)\s*2|x²|x)?", re.IGNORECASE)
_EQUATION = re.compile(r"[-+\s\d*x^²]*x[-+\s\d*x^²]*=[-+\s\d*x^²]*[\dx²]", re.IGNORECASE)
_EXPRESSION = re.compile(r"[-(\s]*\d[\d\s.()]*[-+*/^×÷%][-+*/^×÷%\d\s.()]*[\d)]")
_MOST_DIGITS = 12
_LARGEST_POWER = 64


def solve_quadratic(question: str) -> str | None:
    """
    The solution, step by step, of an equation in x up to x² with integer coefficients.

    None when the question holds none.
    """
    found = _EQUATION.search(question.replace("−", "-"))
    if not found:
        return None
    left, right = found.group().split("=")
    sides = _coefficients(left), _coefficients(right)
    if sides[0] is None or sides[1] is None:
        return None
    a, b, c = (one - other for one, other in zip(sides[0], sides[1], strict=True))
    return _linear(b, c) if a == 0 else _quadratic(a, b, c)


def solve_arithmetic(question: str) -> str | None:
    """The value of an expression such as `12 * (7 + 3)`; None when the question holds none."""
    found = _EXPRESSION.search(question)
    if not found or re.fullmatch(r"\s*\d{1,4}([-/]\d{1,2}){2}\s*", found.group()):
        return None
    written = found.group().strip()
    text = written.replace("^", "**").replace("×", "*").replace("÷", "/")
    try:
        value = _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError):
        return None
    except ZeroDivisionError:
        return f"`{written}` has no value: it divides by zero."
    return f"`{written}` = **{_shown(value)}**"


def _coefficients(side: str) -> tuple[int, int, int] | None:
    """(x², x, 1) of one side; None when something there is no term."""
    text = re.sub(r"\s+", "", side)
    total = [0, 0, 0]
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None or not (term[2] or term[3]) or (at and not term[1]):
            return None
        size = int(term[2] or 1) * (-1 if term[1] == "-" else 1)
        power = (term[3] or "").lower()
        total[2 if not power else 1 if power == "x" else 0] += size
        at = term.end()
    return (total[0], total[1], total[2]) if text else None


def _linear(b: int, c: int) -> str:
    if b == 0:
        return "Every x solves it." if c == 0 else "No x solves it: the two sides never meet."
    return f"This is a linear equation: {_polynomial(0, b, c)} = 0, so **x = {Fraction(-c, b)}**."


def _quadratic(a: int, b: int, c: int) -> str:
    inside = b * b - 4 * a * c
    lines = [
        f"We solve {_polynomial(a, b, c)} = 0 with x = (−b ± √(b² − 4ac)) / 2a, "
        f"where a = {a}, b = {b}, c = {c}.",
        "",
        f"The discriminant is b² − 4ac = {b * b} − ({4 * a * c}) = {inside}.",
        "",
    ]
    root = isqrt(abs(inside))
    if inside == 0:
        lines.append(f"It is zero, so there is one solution: **x = {Fraction(-b, 2 * a)}**.")
    elif inside > 0 and root * root == inside:
        one, other = sorted((Fraction(-b - root, 2 * a), Fraction(-b + root, 2 * a)))
        lines.append(f"Its root is {root}, so **x = {other}** or **x = {one}**.")
    else:
        lines.append(_irrational(a, b, inside))
    return "\n".join(lines)


def _irrational(a: int, b: int, inside: int) -> str:
    """The two solutions with the square root kept, its square factors pulled out."""
    factor, rest = _simplified_root(abs(inside))
    middle, step = Fraction(-b, 2 * a), abs(Fraction(factor, 2 * a))
    root = (f"√{rest}" if rest > 1 else "") + ("i" if inside < 0 else "")
    width = "·".join(str(part) for part in (step, root) if part and part != 1)
    why = "negative, so the solutions are complex:" if inside < 0 else "not a square, so"
    return f"It is {why} **x = {'' if middle == 0 else f'{middle} '}± {width}**."


def _simplified_root(number: int) -> tuple[int, int]:
    """(f, r) with √number = f·√r, for numbers whose root can be looked through quickly."""
    if isqrt(number) ** 2 == number:
        return isqrt(number), 1
    factor = 1
    for divisor in range(2, min(isqrt(number), 100_000) + 1):
        while number % (divisor * divisor) == 0:
            number //= divisor * divisor
            factor *= divisor
    return factor, number


def _polynomial(a: int, b: int, c: int) -> str:
    """`x² + 5x + 6` as people write it."""
    text = ""
    for size, name in ((a, "x²"), (b, "x"), (c, "")):
        if size:
            shown = name if abs(size) == 1 and name else f"{abs(size)}{name}"
            sign = ("−" if size < 0 else "") if not text else (" − " if size < 0 else " + ")
            text += sign + shown
    return text or "0"


_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Mod: operator.mod,
}  # fmt: skip


def _value(node: ast.expr) -> Fraction:
    """Exact value; raises `ValueError` for anything but numbers and the operations above."""
    match node:
        case ast.Constant(value=int() | float() as number) if len(str(number)) <= _MOST_DIGITS:
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_value(left), _value(right))
        case _:
            raise ValueError("not plain arithmetic")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > _LARGEST_POWER:
        raise ValueError("not a power people write")
    if max(base.numerator.bit_length(), base.denominator.bit_length()) > 4 * _LARGEST_POWER:
        raise ValueError("too large to write")
    return base ** int(exponent)


def _shown(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{value} ≈ {float(value):.6g}"
