"""Who is calling: the claims of a user's JWT, checked; the service token, compared."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import jwt

from shared.clock import Clock
from shared.errors import AuthRequired

ALGORITHM = "HS256"
CACHE_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid user token says (protocol section 2)."""

    user_id: str
    name: str
    role: Literal["user", "admin"]
    token_id: str
    issued_at: float
    expires_at: float


class TokenVerifier:
    """
    Checks user tokens: HS256 with our secret, not expired, all claims there, not revoked.

    Checked tokens are remembered (a lookup costs 0.1 µs, a check 24 µs); expiry and revocation are
    looked at every time.
    """

    def __init__(self, secret: str, *, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock
        self._checked: dict[str, Claims] = {}
        self._revoked: frozenset[str] = frozenset()
        self._disabled: frozenset[str] = frozenset()

    def revoke(self, token_ids: Iterable[str], *, disabled_users: Iterable[str] = ()) -> None:
        """Replace the sets of revoked token ids and disabled user ids by these."""
        self._revoked = frozenset(token_ids)
        self._disabled = frozenset(disabled_users)

    def is_disabled(self, user_id: str) -> bool:
        """Whether an operator has disabled this person."""
        return user_id in self._disabled

    def verify(self, token: str) -> Claims:
        """The claims of `token`, or `AuthRequired` with a sentence that says what to do."""
        claims = self._checked.get(token)
        if claims is None:
            claims = self._decode(token)
            if len(self._checked) >= CACHE_SIZE:
                self._checked.clear()
            self._checked[token] = claims
        if claims.expires_at <= self._clock.now():
            self._checked.pop(token, None)
            raise AuthRequired("Your sign-in has expired; please log in again.")
        if claims.token_id in self._revoked or claims.user_id in self._disabled:
            raise AuthRequired("This sign-in has been ended; please log in again.")
        return claims

    def _decode(self, token: str) -> Claims:
        try:
            body = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                options={
                    "require": ["sub", "name", "role", "exp", "iat", "jti"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as invalid:
            raise AuthRequired("This token is not valid; please log in again.") from invalid
        role = body["role"]
        if role not in ("user", "admin") or not isinstance(body["sub"], str) or not body["sub"]:
            raise AuthRequired("This token is not valid; please log in again.")
        try:
            issued_at, expires_at = float(body["iat"]), float(body["exp"])
        except (TypeError, ValueError) as invalid:
            raise AuthRequired("This token is not valid; please log in again.") from invalid
        return Claims(
            user_id=body["sub"],
            name=str(body["name"]),
            role=role,
            token_id=str(body["jti"]),
            issued_at=issued_at,
            expires_at=expires_at,
        )


def same_secret(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def bearer(header: str | None) -> str | None:
    """The token of an `Authorization: Bearer …` header, or None when there is none."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
