"""A person's sign-in at auth-service, and how it is exchanged before it ends."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

import jwt

from shared.clock import Clock
from shared.errors import AuthRequired, BoundaryError, Upstream
from ui.api_client import Door

REMEMBERED_TOKENS = 5_000
SPARE_SECONDS = 30
"""A token that ends within this time counts as ended."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who is signed in. Moments are seconds since 1970."""

    token: str
    user_id: str
    username: str
    name: str
    role: Literal["user", "admin"]
    issued_at: float
    expires_at: float

    @property
    def renews_at(self) -> float:
        """From half of its life on it is exchanged: whoever comes back in that time stays."""
        return (self.issued_at + self.expires_at) / 2


def sign_in_of(token: str, profile: dict[str, Any]) -> SignIn:
    """
    The sign-in of `profile`, as auth-service writes a person. Raises `AuthRequired` for no token.

    The signature is not looked at here: every server does that with every call.
    """
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        issued_at, expires_at = float(claims["iat"]), float(claims["exp"])
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as wrong:
        raise AuthRequired("This token is not valid; please log in again.") from wrong
    return SignIn(
        token=token,
        user_id=str(profile["user_id"]),
        username=str(profile["username"]),
        name=str(profile.get("display_name") or profile["username"]),
        role="admin" if profile.get("role") == "admin" else "user",
        issued_at=issued_at,
        expires_at=expires_at,
    )


class Renewals:
    """
    Exchanges tokens, once each, however many pages of a person are open.

    Auth-service ends the old token with the exchange, so a second page that still holds it must
    find its successor here. What is kept is lost with the process; then the browser's cookie tells.
    """

    def __init__(self, auth: Door, *, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self._followed: OrderedDict[str, SignIn | None] = OrderedDict()
        self._exchanging: dict[str, Lock] = {}
        self._lock = Lock()

    def of_token(self, token: str) -> SignIn:
        """Whose token this is. Raises `AuthRequired`-like refusals and `Upstream`."""
        return self.latest(sign_in_of(token, self._auth.get("/me", token=self._newest(token))))

    def latest(self, known: SignIn) -> SignIn:
        """What became of it. Raises `AuthRequired` when it was ended here."""
        with self._lock:
            while known.token in self._followed:
                follower = self._followed[known.token]
                if follower is None:
                    raise AuthRequired("This sign-in has been ended; please log in again.")
                known = follower
        return known

    def kept(self, known: SignIn, *, refused: str | None = None) -> SignIn:
        """
        The same sign-in, exchanged if it is due or its token is the one a server `refused`.

        Raises `AuthRequired` when it has ended.
        """
        known = self.latest(known)
        now = self._clock.now()
        if now < known.renews_at and known.token != refused:
            return known
        try:
            return self._exchanged(known)
        except Upstream:
            if now < known.expires_at - SPARE_SECONDS:
                return known  # good for a while yet
            raise

    def end(self, known: SignIn) -> None:
        """Log out, on every page of this browser. Never fails: what is unreachable times out."""
        known = self.latest(known)
        self._follow(known.token, None)
        try:
            self._auth.post("/logout", token=known.token)
        except BoundaryError:
            return  # it had ended, or ends by itself; here nobody uses it any more

    def replace(self, known: SignIn, token: str, profile: dict[str, Any]) -> SignIn:
        """What auth-service gave in place of a sign-in (a new password)."""
        fresh = sign_in_of(token, profile)
        self._follow(known.token, fresh)
        return fresh

    def _exchanged(self, known: SignIn) -> SignIn:
        with self._lock:
            mine = self._exchanging.setdefault(known.token, Lock())
        with mine:
            latest = self.latest(known)
            if latest is not known:  # another page was faster
                return latest
            answer = self._auth.post("/refresh", token=known.token)
            return self.replace(known, str(answer["access_token"]), answer["user"])

    def _newest(self, token: str) -> str:
        with self._lock:
            while (follower := self._followed.get(token)) is not None:
                token = follower.token
        return token

    def _follow(self, token: str, follower: SignIn | None) -> None:
        with self._lock:
            self._followed[token] = follower
            self._exchanging.pop(token, None)
            if len(self._followed) > REMEMBERED_TOKENS:
                self._followed.popitem(last=False)
