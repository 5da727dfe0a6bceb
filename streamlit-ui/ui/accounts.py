"""What the account page asks of auth-service, each call for the person whose token it carries."""

from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from ui.api_client import Door

DISCORD = "discord"


class Told(BaseModel):
    """Part of an answer of auth-service; unknown fields are ignored, so that it may grow."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Method(Told):
    """A way to sign in, or a linked identity; `name`: how one is called there."""

    provider: str
    name: str = ""


class Key(Told):
    """A personal API key without its secret. Moments are seconds since 1970."""

    id: str
    name: str
    created_at: float
    last_used_at: float | None = None


class Code(Told):
    """A one-time code, good for `expires_in` seconds."""

    code: str
    expires_in: int


class Person(Told):
    """Who somebody is in Discord. They choose the name; `provider_user_id` is theirs alone."""

    provider_user_id: str
    display_name: str


class Accounts:
    """Auth-service as one person sees it. Every call raises what `ui.api_client` raises."""

    def __init__(self, door: Door, *, token: str) -> None:
        self._door = door
        self._token = token

    def methods(self) -> list[Method]:
        """How the person can sign in, and who they are elsewhere."""
        answer = self._door.get("/me", token=self._token)
        return [Method.model_validate(one) for one in answer["auth_methods"]]

    def change_password(self, old: str, new: str) -> dict[str, Any]:
        """The sign-in that takes the place of all others of this person."""
        answer: dict[str, Any] = self._door.post(
            "/password", token=self._token, json={"old": old, "new": new}
        )
        return answer

    def link_code(self) -> Code:
        """A code to type in Discord."""
        return Code.model_validate(self._door.post("/link/code", token=self._token))

    def person(self, code: str) -> Person:
        """Whom `code`, which the bot showed to somebody, would link; it stays good."""
        body = {"provider": DISCORD, "code": code}
        return Person.model_validate(
            self._door.post("/link/identity", token=self._token, json=body)
        )

    def link(self, code: str) -> None:
        """Link the Discord account to which the bot showed `code`."""
        self._door.post(
            "/link-auth-method", token=self._token, json={"provider": DISCORD, "code": code}
        )

    def api_keys(self) -> list[Key]:
        """The person's API keys."""
        return [Key.model_validate(one) for one in self._door.get("/keys", token=self._token)]

    def create_key(self, name: str) -> str:
        """A new key's secret; no other call shows it."""
        return str(self._door.post("/keys", token=self._token, json={"name": name})["key"])

    def revoke_key(self, key_id: str) -> None:
        """End a key."""
        self._door.delete(f"/keys/{quote(key_id, safe='')}", token=self._token)

    def delete(self, password: str) -> None:
        """Remove the account."""
        self._door.delete("/me", token=self._token, json={"password": password})
