"""A personal API key from auth to `/v1`, with the real services and the real `openai` client."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import openai
import pytest

REVOKED_WITHIN_SECONDS = 10.0
"""Protocol, section 2."""

HELLO: Any = [{"role": "user", "content": "What is 2 + 3?"}]


def new_key(box: Any, token: str) -> Any:
    return box.call(f"{box.auth_url}/keys", {"name": "script"}, bearer=token)


def refused_after(ask: Callable[[], Any]) -> float:
    """Seconds until the key is refused."""
    began = monotonic()
    while monotonic() - began < 2 * REVOKED_WITHIN_SECONDS:
        try:
            ask()
        except openai.AuthenticationError:
            return monotonic() - began
        sleep(0.2)
    pytest.fail("the key still works")


def test_a_key_works_until_it_is_revoked_or_its_owner_is_shut_out(box: Any) -> None:
    box.start_all()
    token = box.sign_up("ada")
    keys = [new_key(box, token) for _ in range(2)]
    clients = [
        openai.OpenAI(base_url=f"{box.url}/v1", api_key=key["key"], max_retries=0) for key in keys
    ]
    try:
        for client in clients:
            answer = client.chat.completions.create(model="auto", messages=HELLO)
            assert "5" in (answer.choices[0].message.content or "")
        path = f"{box.auth_url}/keys/{keys[0]['id']}"
        box.call(path, method="DELETE", bearer=token)
        assert refused_after(clients[0].models.list) <= REVOKED_WITHIN_SECONDS
        clients[1].models.list()
        person = box.call(f"{box.auth_url}/me", bearer=token)["user_id"]
        service = box.secrets["SERVICE_TOKEN"]
        body = {"disabled": True}
        box.call(f"{box.auth_url}/users/{person}", body, method="PATCH", bearer=service)
        assert refused_after(clients[1].models.list) <= REVOKED_WITHIN_SECONDS
    finally:
        for client in clients:
            client.close()
