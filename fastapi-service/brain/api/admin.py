"""What operators may do to the brain while it runs. Nobody else gets past the first line."""

from collections import Counter
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from brain.api.deps import TheBrain, TheOperator
from brain.chat.identities import with_prefix

router = APIRouter(prefix="/api/admin", tags=["operators"])
log = structlog.get_logger(__name__)
MAX_BONUS_TOKENS = 1_000_000_000


class Grant(BaseModel):
    """Tokens for one person on top of this week's limit."""

    model_config = ConfigDict(extra="ignore", strict=True)

    user_id: Annotated[str, Field(min_length=1, max_length=128)]
    bonus_tokens: Annotated[int, Field(ge=1, le=MAX_BONUS_TOKENS)]


class Switch(BaseModel):
    """On or off."""

    model_config = ConfigDict(extra="ignore", strict=True)

    enabled: bool


@router.post("/grant-tokens")
async def grant_tokens(body: Grant, operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Give a person more for this week; a Discord id means the account it is linked to."""
    person = await brain.identities.resolve(with_prefix(body.user_id))
    await brain.budget.grant(person.user_id, body.bonus_tokens)
    tier: Literal["free", "admin"] = "admin" if person.is_admin else "free"
    standing = await brain.budget.standing(person.user_id, tier)
    log.info("budget.granted", user_id=person.user_id, tokens=body.bonus_tokens)
    return {
        "user_id": person.user_id,
        "granted": body.bonus_tokens,
        "bonus": standing.bonus,
        "used": standing.used,
        "resets_at": standing.resets_at,
    }


@router.post("/maintenance/{mode}")
async def maintenance(
    mode: Literal["soft", "hard"], body: Switch, operator: TheOperator, brain: TheBrain
) -> dict[str, bool]:
    """Begin or end maintenance; what holds now. It is kept over restarts."""
    await brain.maintenance.switch(mode, enabled=body.enabled)
    return {"soft": brain.maintenance.is_on("soft"), "hard": brain.maintenance.is_on("hard")}


@router.get("/queue/stats")
async def queue_stats(operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Who waits and who is answered; dead letters are those given up since the brain began."""
    waiting, running = brain.queue.waiting(), brain.queue.running()
    oldest = min((job.asked_at for job in waiting), default=None)
    waits, runs = (Counter(job.user_id for job in jobs) for jobs in (waiting, running))
    return {
        "waiting": len(waiting),
        "running": len(running),
        "capacity": brain.queue.max_waiting,
        "workers": brain.queue.workers,
        "oldest_wait_seconds": None if oldest is None else round(brain.clock.now() - oldest, 3),
        "by_user": {
            user_id: {"waiting": waits[user_id], "running": runs[user_id]}
            for user_id in sorted({*waits, *runs})
        },
        "dead_letters": brain.worker.dead_letters,
    }


@router.post("/queue/clear")
async def clear_queue(operator: TheOperator, brain: TheBrain) -> dict[str, int]:
    """End everything that waits with `chat.cancelled`; what is being answered goes on."""
    return {"cleared": brain.worker.clear()}
