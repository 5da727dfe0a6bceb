"""Numbers for Prometheus, open like the health report: they hold no person and no text."""

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from brain.api.deps import TheBrain
from brain.metrics import Moment

router = APIRouter(tags=["health"])


@router.get("/metrics")
async def metrics(brain: TheBrain) -> Response:
    """Prometheus text."""
    moment = Moment(
        waiting=len(brain.queue.waiting()),
        running=brain.queue.running_count,
        sockets=brain.outboxes.connected,
        memory=brain.vram.status(),
    )
    return Response(brain.metrics.text(moment), media_type=CONTENT_TYPE_PLAIN_0_0_4)
