"""Renewals, against an auth-service that ends a token when it is exchanged."""

from threading import Thread
from typing import Any

import jwt
import pytest

from shared.clock import ManualClock
from shared.errors import AuthRequired, Upstream
from shared.http import Refused
from ui.api_client import Door
from ui.sign_in import Renewals, sign_in_of

HOUR = 3600.0
PROFILE = {"user_id": "u1", "username": "anna", "display_name": "Anna", "role": "user"}


class Auth(Door):
    """One sign-in lives at a time."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.exchanges = 0
        self.down = False
        self.alive = self.issue()

    def issue(self) -> str:
        now = self.clock.now()
        claims = {"iat": now, "exp": now + 8 * HOUR, "jti": str(self.exchanges)}
        return jwt.encode(claims, "s" * 32, algorithm="HS256")

    def get(self, path: str, *, token: str | None = None, params: Any = None) -> Any:
        self._check(token)
        return PROFILE

    def post(self, path: str, *, token: str | None = None, json: Any = None) -> Any:
        self._check(token)
        if path == "/logout":
            self.alive = ""
            return None
        self.exchanges += 1
        self.alive = self.issue()
        return {"access_token": self.alive, "user": PROFILE}

    def _check(self, token: str | None) -> None:
        if self.down:
            raise Upstream("The accounts server cannot be reached.")
        if token != self.alive:
            raise Refused("ended", status=401, code="auth.required", retryable=False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def auth(clock: ManualClock) -> Auth:
    return Auth(clock)


@pytest.fixture
def renewals(auth: Auth, clock: ManualClock) -> Renewals:
    return Renewals(auth, clock=clock)


async def test_a_young_sign_in_is_left_alone(renewals: Renewals, auth: Auth) -> None:
    known = renewals.of_token(auth.alive)
    assert renewals.kept(known) is known
    assert auth.exchanges == 0


async def test_from_half_of_its_life_on_it_is_exchanged(
    renewals: Renewals, auth: Auth, clock: ManualClock
) -> None:
    known = renewals.of_token(auth.alive)
    await clock.advance(5 * HOUR)
    fresh = renewals.kept(known)
    assert fresh.token == auth.alive != known.token
    assert fresh.expires_at == known.expires_at + 5 * HOUR


async def test_a_second_page_with_the_old_token_finds_the_new_one(
    renewals: Renewals, auth: Auth, clock: ManualClock
) -> None:
    known = renewals.of_token(auth.alive)
    await clock.advance(5 * HOUR)
    fresh = renewals.kept(known)
    assert renewals.kept(known) is fresh
    assert renewals.of_token(known.token) is fresh
    assert auth.exchanges == 1


async def test_pages_at_the_same_time_exchange_it_once(
    renewals: Renewals, auth: Auth, clock: ManualClock
) -> None:
    known = renewals.of_token(auth.alive)
    await clock.advance(5 * HOUR)
    found = []
    threads = [Thread(target=lambda: found.append(renewals.kept(known))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.token for one in found} == {auth.alive}
    assert auth.exchanges == 1


async def test_a_refused_token_is_exchanged_at_once(renewals: Renewals, auth: Auth) -> None:
    known = renewals.of_token(auth.alive)
    assert renewals.kept(known, refused=known.token).token != known.token
    assert renewals.kept(known, refused=known.token).token == auth.alive
    assert auth.exchanges == 1


async def test_while_the_accounts_are_away_a_good_token_is_used_on(
    renewals: Renewals, auth: Auth, clock: ManualClock
) -> None:
    known = renewals.of_token(auth.alive)
    auth.down = True
    await clock.advance(7 * HOUR)
    assert renewals.kept(known) is known
    await clock.advance(1 * HOUR)
    with pytest.raises(Upstream):
        renewals.kept(known)


async def test_who_logs_out_on_one_page_is_out_on_all(renewals: Renewals, auth: Auth) -> None:
    known = renewals.of_token(auth.alive)
    renewals.end(known)
    assert auth.alive == ""
    with pytest.raises(AuthRequired):
        renewals.kept(known)


async def test_logging_out_works_while_the_accounts_are_away(
    renewals: Renewals, auth: Auth
) -> None:
    known = renewals.of_token(auth.alive)
    auth.down = True
    renewals.end(known)
    with pytest.raises(AuthRequired):
        renewals.kept(known)


@pytest.mark.parametrize("token", ["", "a.b.c", jwt.encode({"sub": "u"}, "s" * 32)])
def test_a_cookie_that_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(AuthRequired):
        sign_in_of(token, PROFILE)
