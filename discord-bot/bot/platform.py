"""What the bot asks of the brain and the auth service over HTTP (protocol sections 4 and 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import structlog

from bot.chat.delivery import File
from shared.errors import BoundaryError
from shared.http import Peer
from shared.protocol import SavedFile

log = structlog.get_logger(__name__)
CLIENT_ID = "discord-bot"
"""Stable over restarts, so that the brain knows us again."""

MOST_LISTED = 100
Verdict = Literal["good", "bad"]


@dataclass(frozen=True, slots=True)
class Titled:
    """A conversation as people choose it."""

    conversation_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Maker:
    """An account, as its owner recognises it."""

    username: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Platform:
    """Both, with the service token. Every call raises `BoundaryError` with a sentence to show."""

    brain: Peer
    auth: Peer
    admin_ids: frozenset[int]

    async def is_admin(self, user_id: int) -> bool:
        """An id in DISCORD_ADMIN_IDS, or a linked account with the role admin."""
        if user_id in self.admin_ids:
            return True
        try:
            answer = await self.auth.get(f"/identities/discord/{user_id}")
        except BoundaryError:
            return False
        return isinstance(answer, dict) and answer.get("role") == "admin"

    async def models(self) -> list[str]:
        """Names of the models that are there and can be talked to."""
        listed = await self.brain.get("/v1/models")
        rows = (row for row in listed["data"] if row["kind"] == "chat" and row["id"] != "auto")
        return sorted(row["id"] for row in rows)

    async def choose_model(self, user_id: int, model: str | None) -> None:
        """From now on this person's questions go to `model`; None: chosen for each."""
        path = f"/api/user/discord:{user_id}/preferences"
        await self.brain.patch(path, json={"model": model})

    async def person(self, user_id: int) -> dict[str, Any]:
        """Week, budget and preferences."""
        answer: dict[str, Any] = await self.brain.get(f"/api/user/discord:{user_id}")
        return answer

    async def vote(self, ask_id: str, user_id: int, verdict: Verdict, *, on: bool) -> None:
        """What this person thinks of an answer, or (not `on`) thinks no more."""
        named = {"ask_id": ask_id, "client_id": CLIENT_ID, "user_id": f"discord:{user_id}"}
        if on:
            await self.brain.post("/api/feedback", json={**named, "verdict": verdict})
        else:
            await self.brain.delete("/api/feedback", params={**named, "verdict": verdict})

    async def forget(self, user_id: int) -> None:
        """Delete what the brain keeps about this person."""
        await self.brain.delete(f"/api/user/discord:{user_id}")

    async def maker(self, code: str, user_id: int) -> Maker:
        """Who made `code`, which this Discord person has typed; it stays good."""
        body = {"code": code, "provider": "discord", "provider_user_id": str(user_id)}
        told = await self.auth.post("/link/maker", json=body)
        return Maker(told["username"], told["display_name"])

    async def link(self, code: str, user_id: int, name: str) -> None:
        """Connect this Discord person with the account that made `code`."""
        body = {
            "code": code,
            "provider": "discord",
            "provider_user_id": str(user_id),
            "display_name": name,
        }
        await self.auth.post("/link/redeem", json=body)

    async def proof(self, user_id: int, name: str) -> tuple[str, int]:
        """A code that connects this Discord person when its account redeems it; for how long."""
        body = {"provider": "discord", "provider_user_id": str(user_id), "display_name": name}
        made = await self.auth.post("/link/proof", json=body)
        return made["code"], made["expires_in"]

    async def web_conversations(self, user_id: int) -> list[Titled]:
        """The newest hundred that this person began in the browser."""
        listed = await self.brain.get(
            "/api/conversations", params={"user_id": f"discord:{user_id}", "limit": MOST_LISTED}
        )
        found = [Titled(one["conversation_id"], one["title"]) for one in listed["conversations"]]
        return [one for one in found if not one.conversation_id.startswith("discord:")]

    async def attach(
        self, conversation_id: str, user_id: int, channel_id: int, *, shared: bool
    ) -> None:
        """From now on what is asked in that channel belongs to a conversation from the browser."""
        await self.brain.post(
            f"/api/conversations/{quote(conversation_id, safe='')}/attach",
            params={"user_id": f"discord:{user_id}"},
            json={"discord_conversation_id": f"discord:{channel_id}", "shared": shared},
        )

    async def status(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Health, memory and queue."""
        return (
            await self.brain.get("/health"),
            await self.brain.get("/vram/status"),
            await self.brain.get("/api/admin/queue/stats"),
        )

    async def maintain(self, mode: Literal["soft", "hard"], *, enabled: bool) -> dict[str, bool]:
        """Begin or end maintenance; what holds now."""
        answer: dict[str, bool] = await self.brain.post(
            f"/api/admin/maintenance/{mode}", json={"enabled": enabled}
        )
        return answer

    async def files(self, saved: Sequence[SavedFile]) -> list[File]:
        """The bytes of the files that came out of an answer; those that expired are left out."""
        found = []
        for one in saved:
            try:
                download = await self.brain.download(f"/artifacts/{quote(one.artifact_id)}")
            except BoundaryError as failure:
                log.warning("artifact.missing", error=failure.code)
                continue
            found.append(File(one.filename, download.data))
        return found
