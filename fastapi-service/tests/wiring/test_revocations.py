"""What the brain learns of ended sign-ins, however many there are."""

from typing import Any

import anyio
import jwt
import pytest

from brain.wiring.parts import _follow_revocations
from shared.clock import ManualClock
from shared.errors import AuthRequired
from shared.http import Params
from shared.tokens import TokenVerifier

pytestmark = pytest.mark.anyio
SECRET = "only-for-tests-" + "jw" * 16


class Pages:
    """Auth's answer in pages of one token each."""

    def __init__(self, *token_ids: str) -> None:
        self.token_ids = token_ids

    async def get(self, path: str, *, params: Params | None = None) -> dict[str, object]:
        assert path == "/revocations"
        at = 0 if params is None else self.token_ids.index(str(params["after"])) + 1
        told = self.token_ids[at]
        return {
            "revoked": [told],
            "disabled": ["eve"],
            "next": told if at + 1 < len(self.token_ids) else None,
        }


def token(token_id: str, clock: ManualClock) -> str:
    now = int(clock.now())
    claims = {"sub": "ada", "name": "Ada", "role": "user", "iat": now, "exp": now + 60}
    return jwt.encode(claims | {"jti": token_id}, SECRET, algorithm="HS256")


async def test_ended_sign_ins_on_every_page_are_known() -> None:
    clock = ManualClock()
    verifier = TokenVerifier(SECRET, clock=clock)
    async with anyio.create_task_group() as tasks:
        auth: Any = Pages("one", "two", "three")
        tasks.start_soon(_follow_revocations, verifier, auth, clock)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    for ended in ("one", "two", "three"):
        with pytest.raises(AuthRequired):
            verifier.verify(token(ended, clock))
    assert verifier.verify(token("another", clock)).user_id == "ada"
    assert verifier.is_disabled("eve")
