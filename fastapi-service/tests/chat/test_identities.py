"""Whom a Discord person is taken for while the auth service comes and goes."""

from typing import Any

import pytest

from brain.chat.identities import CACHE_SECONDS, DOWN_SECONDS, Identities, Person
from shared.clock import ManualClock
from shared.errors import Upstream

pytestmark = pytest.mark.anyio


class Auth:
    """Says that everybody is anna, an admin, unless it is away."""

    def __init__(self) -> None:
        self.away = False

    async def get(self, path: str) -> dict[str, Any]:
        if self.away:
            raise Upstream("The auth service cannot be reached right now.")
        return {"user_id": "anna", "role": "admin"}


class Linking:
    """Has nothing to move."""

    async def move(self, identity: str, account: str) -> None:
        """Done."""


async def test_an_account_stays_while_auth_is_away_but_an_admin_only_for_a_minute() -> None:
    clock, auth, linking = ManualClock(), Auth(), Linking()
    stand_ins: dict[str, Any] = {"auth": auth, "linking": linking}
    identities = Identities(**stand_ins, clock=clock)
    assert await identities.resolve("discord:1") == Person("anna", is_admin=True)
    auth.away = True
    await clock.advance(CACHE_SECONDS - 1)
    assert await identities.resolve("discord:1") == Person("anna", is_admin=True)
    for seconds in (1.0, DOWN_SECONDS / 2, 3600.0):
        await clock.advance(seconds)
        assert await identities.resolve("discord:1") == Person("anna")
    auth.away = False
    await clock.advance(DOWN_SECONDS)
    assert await identities.resolve("discord:1") == Person("anna", is_admin=True)
