"""A person's account, apart from the ways to prove that one is this person."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from auth.errors import Unfit

INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""
Letters and marks that show as nothing (Unicode, DerivedCoreProperties.txt,
Default_Ignorable_Code_Point); the others of that list are neither.
"""

Role = Literal["user", "admin"]
Provider = Literal["password", "discord"]

USERNAME_CHARS = (2, 64)
DISPLAY_NAME_CHARS = 64
EMAIL_CHARS = 254
"""The longest address SMTP can carry (RFC 5321, 4.5.3.1.3, less the brackets)."""


@dataclass(frozen=True, slots=True)
class User:
    """Who somebody is. How they prove it is an `AuthMethod`; a person may have several."""

    user_id: str
    username: str
    display_name: str
    email: str | None
    role: Role
    disabled: bool
    created_at: float
    signed_in_at: float | None = None

    @property
    def runs_the_place(self) -> bool:
        """An admin who can sign in."""
        return self.role == "admin" and not self.disabled


@dataclass(frozen=True, slots=True)
class AuthMethod:
    """One way to prove to be `user_id`: `identity` as `provider` knows it."""

    provider: Provider
    identity: str
    user_id: str
    name: str
    added_at: float


def canonical(username: str) -> str:
    """
    The form in which usernames are compared: case, width and composition make no difference.

    NFKC, case folded, NFKC again, because folding can undo composition (Unicode 3.13, D146).
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())


def check_username(username: str) -> str:
    """
    The username as it is kept and shown (NFC), or `Unfit`.

    Letters, marks and digits of any script and `._-@+`; so no spaces, controls or invisible
    characters that would let two names look the same.
    """
    shown = unicodedata.normalize("NFC", username.strip())
    least, most = USERNAME_CHARS
    if not least <= len(canonical(shown)) <= most:
        raise Unfit("username", f"it needs {least} to {most} characters")
    if not all(_is_name_character(character) for character in canonical(shown)):
        raise Unfit("username", "only letters, digits and . _ - @ + may be used")
    if not any(unicodedata.category(character)[0] in "LN" for character in shown):
        raise Unfit("username", "it needs a letter or a digit")
    return shown


def check_display_name(name: str | None, *, otherwise: str) -> str:
    """The name others see, its white space made single; `otherwise` when there is none."""
    shown = " ".join(unicodedata.normalize("NFC", name or "").split())
    if not shown:
        return otherwise
    if len(shown) > DISPLAY_NAME_CHARS:
        raise Unfit("display_name", f"it may have at most {DISPLAY_NAME_CHARS} characters")
    if any(unicodedata.category(character) in ("Cc", "Co", "Cn") for character in shown):
        raise Unfit("display_name", "it holds characters that cannot be shown")
    return shown


def check_email(email: str | None) -> str | None:
    """
    An address that could exist, or None. No mail is sent, so nothing more is checked.

    Raises `Unfit`.
    """
    address = (email or "").strip()
    if not address:
        return None
    local, _, domain = address.rpartition("@")
    if not local or not domain or len(address) > EMAIL_CHARS or not address.isprintable():
        raise Unfit("email", "this is not an e-mail address")
    if " " in address:
        raise Unfit("email", "this is not an e-mail address")
    return address


def _is_name_character(character: str) -> bool:
    if INVISIBLE.match(character):
        return False
    return character in "._-@+" or unicodedata.category(character)[0] in "LMN"
