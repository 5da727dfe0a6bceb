"""
Functions of decimals that the standard library lacks, to all digits of the current context.

The series are those of the recipes in Python's documentation of `decimal`.
"""

import math
from collections.abc import Callable
from decimal import Decimal, DivisionByZero, localcontext

from brain.web.errors import NotWorkedOut

MAX_MAGNITUDE = 50
"""Digits of an angle before the point."""
_SPARE = 15
_TINY = Decimal("1e-60")
"""An angle below this is its own sine, to all digits."""
_NOTHING = Decimal("1e-90")
"""Below this the sine of a multiple of pi is told from 0 by rounding alone."""


def pi() -> Decimal:
    """The circle's, with spare digits, so that its sine is 0."""
    with localcontext() as here:
        here.prec += _SPARE
        before, total, term = Decimal(0), Decimal(3), Decimal(3)
        n, na, d, da = 1, 0, 0, 24
        while total != before:
            before = total
            n, na = n + na, na + 8
            d, da = d + da, da + 32
            term = term * n / d
            total += term
        return total


def sin(x: Decimal) -> Decimal:
    """Of radians."""
    return _rounded(_turned(x, _sine))


def cos(x: Decimal) -> Decimal:
    """Of radians."""
    return _rounded(_turned(x, lambda turned: _sine(pi() / 2 - turned)))


def tan(x: Decimal) -> Decimal:
    """Of radians. Raises `DivisionByZero` where it has no value."""
    across = cos(x)
    if across == 0:
        raise DivisionByZero
    return sin(x) / across


def atan(x: Decimal) -> Decimal:
    """In radians: a float's answer, made exact by Newton's method (digits double each time)."""
    if abs(x) > 1:
        return (pi() / 2).copy_sign(x) - atan(1 / x)
    if abs(x) < _TINY:
        return x
    with localcontext() as here:
        here.prec += _SPARE
        near = Decimal(math.atan(x))
        for _ in range(4):
            near -= cos(near) * (sin(near) - x * cos(near))
    return +near


def asin(x: Decimal) -> Decimal:
    """In radians. Raises `InvalidOperation` outside -1 to 1."""
    if abs(x) == 1:
        return x * pi() / 2
    return atan(x / (1 - x * x).sqrt())


def acos(x: Decimal) -> Decimal:
    """In radians. Raises `InvalidOperation` outside -1 to 1."""
    return pi() / 2 - asin(x)


def _turned(x: Decimal, function: Callable[[Decimal], Decimal]) -> Decimal:
    """`function` of `x` less whole turns, with spare digits for what the turns cost."""
    if x.adjusted() > MAX_MAGNITUDE:
        raise NotWorkedOut("An angle this large cannot be told from others.")
    with localcontext() as here:
        here.prec += _SPARE + max(0, x.adjusted())
        return function(x % (2 * pi()))


def _sine(x: Decimal) -> Decimal:
    if abs(x) < _TINY:
        return x
    before, total, term, i = Decimal(0), x, x, 1
    while total != before:
        before = total
        i += 2
        term = -term * x * x / (i * (i - 1))
        total += term
    return total


def _rounded(x: Decimal) -> Decimal:
    return Decimal(0) if abs(x) < _NOTHING else +x
