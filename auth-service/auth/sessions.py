"""
Sign-ins: a signed token for the person, a row for us, and the list of those ended early.

    begin ──▶ row  user:<id> / <jti>   (until exp)      a sign-in lives while its row is there
    end   ──▶ row  revoked   / <jti>   (until exp)      what other services ask for every 5 s
    to end ─▶ row  ending    / <user_id>                whose sign-ins all end, also after a crash

This service looks at the row at every call, so an end counts here at once; the others verify the
signature and learn of an end within ten seconds (protocol section 2).
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import jwt

from auth.errors import SignInEnded
from auth.users import User
from shared.background import keep_running
from shared.clock import Clock
from shared.store import MAX_WRITES, ConditionFailed, Delete, Key, Matches, Put, Store, Write
from shared.tokens import ALGORITHM, Claims, TokenVerifier

TABLE = "sessions"
REVOKED_PAGE = 5_000
"""Ids told at once, about 200 KB: 60,000 are learned in 0.4 s, at most 0.1 s of it at a stretch."""

LOOK_EVERY_SECONDS = 5.0
BROKE_OFF_AFTER_SECONDS = 30.0
"""Whoever marks an ending carries it out at once; after this long they did not."""

ENDED_AT_ONCE = (MAX_WRITES - 1) // 2
"""Sign-ins ended in one transaction: two writes each, and one for a new sign-in."""


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in as its owner gets it. `expires_in` is in seconds."""

    token: str
    token_id: str
    expires_in: int
    expires_at: int


class Sessions:
    """Issues, checks and ends sign-ins."""

    def __init__(self, store: Store, *, secret: str, hours: float, clock: Clock) -> None:
        self._store = store
        self._secret = secret
        self.seconds = max(1, round(hours * 3600))
        """How long a sign-in lasts."""

        self._clock = clock
        self._verifier = TokenVerifier(secret, clock=clock)

    async def begin(self, user: User, *also: Write) -> Session:
        """A new sign-in, written together with `also`; raises what the store raises."""
        session = self._sign(user)
        await self._store.write(_row(user.user_id, session), *also)
        return session

    async def check(self, token: str) -> Claims:
        """The claims of a token that is valid and whose sign-in lives. Raises `AuthRequired`."""
        claims = self._verifier.verify(token)
        if await self._store.get(_key(claims.user_id, claims.token_id)) is None:
            raise SignInEnded
        return claims

    async def replace(self, claims: Claims, user: User) -> Session:
        """A new sign-in for an old one, which ends; of several at once only one succeeds."""
        session = self._sign(user)
        ending = [(claims.token_id, claims.expires_at)]
        await self._end(ending, user.user_id, _row(user.user_id, session))
        return session

    async def end(self, claims: Claims) -> None:
        """End one sign-in. Raises `SignInEnded` when somebody was faster."""
        await self._end([(claims.token_id, claims.expires_at)], claims.user_id)

    async def end_all(self, user_id: str) -> None:
        """End every sign-in of a person there is when this is called."""
        while rows := await self._store.query(TABLE, f"user:{user_id}", limit=ENDED_AT_ONCE):
            ending = [(row.sk, float(row.item["expires_at"])) for row in rows]
            try:
                await self._end(ending, user_id)
            except SignInEnded:
                continue  # one of them was logged out meanwhile; look again

    def to_end(self, user_id: str) -> Put:
        """The write, in the transaction of a change, after which `end_marked` has work to do."""
        return Put(_ending(user_id), {"since": self._clock.now(), "mark": uuid4().hex})

    async def end_marked(self, user_id: str) -> None:
        """End every sign-in of a person if a change asked for it and nobody has done it yet."""
        item = await self._store.get(_ending(user_id))
        if item is None:
            return
        await self.end_all(user_id)
        with suppress(ConditionFailed):  # changed again meanwhile: that has an end of its own
            mark = Matches({"mark": item["mark"]})
            await self._store.write(Delete(_ending(user_id), when=mark))

    async def finish(self) -> None:
        """End what changes that broke off left to end."""
        for row in await self._store.query(TABLE, "ending"):
            if self._clock.now() - row.item["since"] >= BROKE_OFF_AFTER_SECONDS:
                await self.end_marked(row.sk)

    async def run(self) -> None:
        """Finish endings, for ever."""
        await keep_running(
            "endings", self.finish, every_seconds=LOOK_EVERY_SECONDS, clock=self._clock
        )

    async def revoked(self, *, after: str | None = None) -> tuple[Sequence[str], str | None]:
        """
        The ids of ended tokens that would still be valid by their signature, those behind `after`.

        At most `REVOKED_PAGE`; and what to ask for next, None at the end.
        """
        rows = await self._store.query(TABLE, "revoked", after=after, limit=REVOKED_PAGE + 1)
        told = [row.sk for row in rows[:REVOKED_PAGE]]
        return told, told[-1] if len(rows) > REVOKED_PAGE else None

    async def _end(self, ending: Sequence[tuple[str, float]], user_id: str, *also: Write) -> None:
        writes: list[Write] = []
        for token_id, expires_at in ending:
            writes.append(Delete(_key(user_id, token_id), when=Matches()))
            writes.append(Put(Key(TABLE, "revoked", token_id), {}, expires_at=expires_at))
        try:
            await self._store.write(*writes, *also)
        except ConditionFailed as gone:
            raise SignInEnded from gone

    def _sign(self, user: User) -> Session:
        issued_at = int(self._clock.now())
        session_id = uuid4().hex
        claims = {
            "sub": user.user_id,
            "name": user.display_name,
            "role": user.role,
            "iat": issued_at,
            "exp": issued_at + self.seconds,
            "jti": session_id,
        }
        token = jwt.encode(claims, self._secret, algorithm=ALGORITHM)
        return Session(token, session_id, self.seconds, issued_at + self.seconds)


def _key(user_id: str, token_id: str) -> Key:
    return Key(TABLE, f"user:{user_id}", token_id)


def _ending(user_id: str) -> Key:
    return Key(TABLE, "ending", user_id)


def _row(user_id: str, session: Session) -> Put:
    return Put(
        _key(user_id, session.token_id),
        {"expires_at": session.expires_at},
        expires_at=session.expires_at,
    )
