"""
Texts as vectors, by a model that is a guest: it never drives another one out of memory.

Ranking a page is not worth loading an answer's model twice, and whoever asks here may hold a lease
that the embedding model would have to wait for.
"""

from collections.abc import Sequence

import anyio

from brain.llm.speaker import Speaker
from brain.vram.errors import BackendFailed
from brain.vram.orchestrator import Orchestrator

SECONDS = 20.0
"""For loading the model and for all texts of one call; then words have to do."""


class Embedder:
    """A `brain.web.index.Embed`."""

    def __init__(self, speaker: Speaker, vram: Orchestrator, *, model: str) -> None:
        self._speaker = speaker
        self._vram = vram
        self._model = model

    async def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """
        One vector a text. Raises `BackendFailed` when it takes too long or another model would have
        to leave for this one, and what a lease raises.
        """
        try:
            with anyio.fail_after(SECONDS):
                if not (await self._vram.plan(self._model)).fits:
                    raise BackendFailed(self._model, "there is no room for it beside the others")
                return await self._speaker.embed(self._model, texts)
        except TimeoutError as late:
            raise BackendFailed(self._model, f"it took longer than {SECONDS:g} s") from late
