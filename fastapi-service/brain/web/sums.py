"""What the signs, functions and names of a sum mean, for decimals in the current context."""

import ast
from collections.abc import Callable, Mapping
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    getcontext,
)
from functools import reduce
from math import factorial, gcd, lcm
from typing import Any

from brain.web import decimals
from brain.web.errors import NotWorkedOut

MAX_FACTORIAL = 3000
MAX_PLACES = 100
_NOISE = Decimal("1e-90")
"""Of 100 digits, what ten may be wrong by."""


def modulo(a: Decimal, b: Decimal) -> Decimal:
    """What is left of `a`, with the sign of `b`: -7 mod 3 is 2."""
    if b == 0:
        raise DivisionByZero
    left = a % b
    return left + b if left and (left < 0) != (b < 0) else left


def whole(a: Decimal, b: Decimal) -> Decimal:
    """How often `b` goes into `a`, rounded down."""
    return (a - modulo(a, b)) / b


def factorial_of(x: Decimal) -> Decimal:
    """Of an integer from 0 to `MAX_FACTORIAL`."""
    return +Decimal(factorial(_integer(x, 0, MAX_FACTORIAL)))


def root(x: Decimal, degree: Decimal = Decimal(2)) -> Decimal:
    """The `degree`-th root; of a negative number only where `degree` is odd."""
    if x == 0:
        return x
    near = abs(x) ** (1 / degree)
    exact = near.to_integral_value()
    near = exact if abs(exact) < Decimal(10) ** 40 and exact**degree == abs(x) else near
    if x > 0:
        return near
    if modulo(degree, Decimal(2)) != 1:
        raise InvalidOperation
    return -near


def rounded(x: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    """Half away from zero, as people do: 2.5 is 3."""
    shift = _integer(places, -MAX_PLACES, MAX_PLACES)
    return x.scaleb(shift).to_integral_value(ROUND_HALF_UP).scaleb(-shift)


def logarithm(x: Decimal, base: Decimal | None = None) -> Decimal:
    """To a base that has to be said: without one, calculators mean 10 and programs mean e."""
    if base is None:
        raise NotWorkedOut("Please say which logarithm: ln(x), log10(x), log2(x) or log(x, base).")
    power = x.ln() / base.ln()
    exact = power.to_integral_value()
    return exact if abs(exact) < 10_000 and base**exact == x else power


def _without_noise(result: Decimal, term: Decimal) -> Decimal:
    """0 where only the last digits of rounded numbers are left: sqrt(2)^2 - 2."""
    rounded_before = getcontext().flags[Inexact]
    return Decimal(0) if rounded_before and abs(result) < abs(term) * _NOISE else result


def _integer(x: Decimal, least: int, most: int) -> int:
    if x != x.to_integral_value() or not least <= x <= most:
        raise NotWorkedOut(f"This needs a whole number from {least} to {most}.")
    return int(x)


def _of_integers(function: Callable[..., int]) -> Callable[..., Decimal]:
    limit = 10**100
    return lambda *numbers: Decimal(function(*(_integer(x, -limit, limit) for x in numbers)))


def _total(*numbers: Decimal) -> Decimal:
    return reduce(lambda a, b: a + b, numbers, Decimal(0))


FUNCTIONS: Mapping[str, Callable[..., Decimal]] = {
    "abs": abs,
    "acos": decimals.acos,
    "asin": decimals.asin,
    "atan": decimals.atan,
    "cbrt": lambda x: root(x, Decimal(3)),
    "ceil": lambda x: x.to_integral_value(ROUND_CEILING),
    "cos": decimals.cos,
    "degrees": lambda x: x * 180 / decimals.pi(),
    "exp": lambda x: x.exp(),
    "factorial": factorial_of,
    "floor": lambda x: x.to_integral_value(ROUND_FLOOR),
    "gcd": _of_integers(gcd),
    "lcm": _of_integers(lcm),
    "ln": lambda x: x.ln(),
    "log": logarithm,
    "log10": lambda x: x.log10(),
    "log2": lambda x: logarithm(x, Decimal(2)),
    "max": max,
    "mean": lambda *numbers: _total(*numbers) / len(numbers),
    "min": min,
    "radians": lambda x: x * decimals.pi() / 180,
    "root": root,
    "round": rounded,
    "sin": decimals.sin,
    "sqrt": lambda x: x.sqrt(),
    "sum": _total,
    "tan": decimals.tan,
}

NAMES: Mapping[str, Callable[[], Decimal]] = {
    "deg": lambda: decimals.pi() / 180,
    "e": lambda: Decimal(1).exp(),
    "pi": decimals.pi,
    "tau": lambda: 2 * decimals.pi(),
}

OPERATORS: Mapping[type[Any], Callable[..., Decimal]] = {
    ast.Add: lambda a, b: _without_noise(a + b, a),
    ast.Sub: lambda a, b: _without_noise(a - b, a),
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: whole,
    ast.MatMult: modulo,
    ast.Pow: lambda a, b: a**b,
    ast.UAdd: lambda a: +a,
    ast.USub: lambda a: -a,
}
