"""What the orchestrator needs from a model server."""

from typing import Protocol

from brain.catalogue.models import ModelSpec
from brain.vram.errors import ServerKind
from brain.vram.residents import Inventory


class Backend(Protocol):
    """
    One model server. The limits of `load`, `unload` and `park` are the caller's to set.

    There are three kinds. Some servers load and unload (`loads`). Some have fixed models that can
    be put to sleep, which frees most of their memory, and woken (`sleeps`). The memory of the rest
    is spent for as long as they run, and `unloads_reason` says why.
    """

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

    @property
    def sleeps(self) -> bool:
        """
        Whether its models can be put to sleep and woken.

        It depends on how the server was started, so it is false until a look has shown it; each
        look says so in `Inventory.sleeps`.
        """

    @property
    def unloads_reason(self) -> str:
        """Why its memory cannot be freed, part of a sentence; empty where it can."""

    async def look(self) -> Inventory:
        """What it has. Raises `BackendUnreachable` when it does not say."""

    async def load(self, spec: ModelSpec) -> float | None:
        """
        Return when the model is in memory (woken, if it slept), with its size there in GB if told.

        Raises `ModelUnavailable`, `LoadFailed`, `BackendUnreachable`.
        """

    async def unload(self, model: str) -> None:
        """
        Return when the model is gone from memory.

        Raises `LoadFailed` (where `loads` is false always, with `unloads_reason`) and
        `BackendUnreachable`.
        """

    async def park(self, model: str) -> None:
        """
        Return when the model sleeps; nobody may be using it.

        Raises `LoadFailed` (where `sleeps` is false always, with the reason) and
        `BackendUnreachable`.
        """

    async def aclose(self) -> None:
        """Close the connections."""
