"""
Passwords: which are good enough, how they are kept, how they are checked without stopping the loop.

    password ──NFKC──▶ HMAC-SHA-256, base64 (44 bytes) ──▶ bcrypt with its own salt and the cost

bcrypt reads 72 bytes and bcrypt 5 refuses more; the digest in front lets every password count
whole. It is keyed, so that digests leaked elsewhere cannot be tried against ours. One check takes
about 0.2 s of a core at cost 12, so checks run in a few threads of their own and wait in a short
line.
"""

import base64
import hmac
import os
import unicodedata
from collections.abc import Callable
from importlib.resources import files
from typing import TypeVar

import anyio
import anyio.to_thread
import bcrypt

from auth.errors import TooBusy, Unfit
from auth.users import canonical

MIN_CHARS = 8
"""NIST SP 800-63B, 5.1.1.2 (revision 3): length counts, composition rules do not."""

MAX_CHARS = 256
DIGEST_KEY = b"trollama password 1"
HASHERS = max(1, min(4, (os.cpu_count() or 2) // 2))
"""Half of the cores at most: answers are streamed on the same machine."""

LINE = 16
"""Checks that may wait; at cost 12 on two busy cores the last one waits about 6 s."""

COMMON = frozenset(files("auth").joinpath("common_passwords.txt").read_text("utf-8").split())
"""What anybody would try first, case folded."""

DISGUISES = str.maketrans("01345789@$!|+", "oleastbgasiit")
"""Letters as people hide them in words: p@ssw0rd."""

AROUND = "0123456789!?.,*#+-_=$@% "
ROWS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "qwertzuiop", "azertyuiop")

T = TypeVar("T")


class Passwords:
    """Makes and checks hashes with a given bcrypt cost."""

    def __init__(self, *, cost: int, hashers: int = HASHERS, line: int = LINE) -> None:
        self._cost = cost
        self._threads = anyio.CapacityLimiter(hashers)
        self._room = hashers + line
        self._nobodys_salt = bcrypt.gensalt(cost)

    async def hash(self, password: str) -> str:
        """What to keep instead of `password`. Raises `TooBusy`."""
        salt = bcrypt.gensalt(self._cost)
        return (await self._in_thread(lambda: bcrypt.hashpw(_digest(password), salt))).decode()

    async def matches(self, password: str, kept: str | None) -> bool:
        """
        Whether `kept` was made of `password`; with None the same work is done and the answer is no.

        Raises `TooBusy` before doing anything when too many checks wait.
        """
        if kept is None:
            await self._in_thread(lambda: bcrypt.hashpw(_digest(password), self._nobodys_salt))
            return False
        return await self._in_thread(lambda: bcrypt.checkpw(_digest(password), kept.encode()))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._room == 0:
            raise TooBusy
        self._room -= 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        finally:
            self._room += 1


def check_password(password: str, *, username: str, field: str = "password") -> None:
    """Raise `Unfit` naming `field` when `password` is too short, too long or easily guessed."""
    if len(password) < MIN_CHARS:
        raise Unfit(field, f"it needs at least {MIN_CHARS} characters")
    if len(password) > MAX_CHARS:
        raise Unfit(field, f"it may have at most {MAX_CHARS} characters")
    folded = canonical(password)
    if _is_made_of(folded, canonical(username)):
        raise Unfit(field, "it must be more than the username")
    if _is_first_tried(folded):
        raise Unfit(field, "this is one of the first passwords anybody would try")


def _is_first_tried(folded: str) -> bool:
    """
    Whether it is on the list (NIST SP 800-63B, 5.1.1.2), also disguised: with digits and signs
    around it, letters written as digits, or a word, a pattern or a row of keys repeated.
    """
    if folded in COMMON or len(set(folded)) < 3:
        return True
    core = folded.strip(AROUND)
    if not core and _is_row(folded):
        return True
    candidates = {core, folded.translate(DISGUISES), core.translate(DISGUISES)}
    return any(
        word in COMMON or _is_row(word) or _once(word) in COMMON for word in candidates if word
    )


def _is_made_of(folded: str, username: str) -> bool:
    """Whether it is the name with nothing but digits and signs around it, once or repeatedly."""
    core = folded.strip(AROUND)
    return username in (folded, core, _once(folded), _once(core))


def _once(word: str) -> str:
    """The part that `word` repeats: `abc` for `abcabcabc`, otherwise the word."""
    return word[: (word + word).find(word, 1)]


def _is_row(word: str) -> bool:
    """Whether it runs along the alphabet, the digits or a row of keys, there or back."""
    return len(word) > 2 and any(word in row or word in row[::-1] for row in ROWS)


def _digest(password: str) -> bytes:
    text = unicodedata.normalize("NFKC", password).encode()
    return base64.b64encode(hmac.digest(DIGEST_KEY, text, "sha256"))
