"""What the orchestrator needs from a model server."""

from typing import Protocol

from brain.catalogue.models import ModelSpec
from brain.vram.errors import ServerKind
from brain.vram.residents import Inventory


class Backend(Protocol):
    """One model server. The limits of `load` and `unload` are the caller's to set."""

    @property
    def name(self) -> str:
        """Unique among the servers; shown to operators."""

    @property
    def kind(self) -> ServerKind:
        """How chats are spoken with it."""

    @property
    def url(self) -> str:
        """Its address without a trailing slash."""

    @property
    def loads(self) -> bool:
        """Whether models come into its memory and leave it when we say so."""

    async def look(self) -> Inventory:
        """What it has. Raises `BackendUnreachable` when it does not say."""

    async def load(self, spec: ModelSpec) -> float | None:
        """
        Return when the model is in memory, with its size there in GB if the server tells.

        Raises `ModelUnavailable`, `LoadFailed`, `BackendUnreachable`.
        """

    async def unload(self, model: str) -> None:
        """Return when the model is gone from memory. Raises `LoadFailed`, `BackendUnreachable`."""

    async def aclose(self) -> None:
        """Close the connections."""
