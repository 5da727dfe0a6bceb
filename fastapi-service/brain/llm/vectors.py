"""How a server is asked for vectors, and how its answer is read. Pure."""

from collections.abc import Sequence
from typing import Any

from brain.llm.connection import parse
from brain.vram.backends.ollama import FOR_EVER
from brain.vram.errors import BackendFailed
from brain.vram.orchestrator import Lease


def question(lease: Lease, texts: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Path and body of the question (docs/api.md of Ollama; OpenAI's "Create embeddings")."""
    name = lease.spec.name
    if lease.server.kind == "openai":
        return "/v1/embeddings", {"model": name, "input": list(texts)}
    return "/api/embed", {
        "model": name,
        "input": list(texts),
        "options": lease.spec.load_options,
        "keep_alive": FOR_EVER,
    }


def vectors_of(model: str, raw: bytes) -> Sequence[Sequence[float]]:
    """The vectors in an answer of either kind of server. Raises `BackendFailed`."""
    match parse(model, raw):
        case {"embeddings": list(vectors)}:
            return vectors
        case {"data": list(rows)} if all(isinstance(row, dict) for row in rows):
            return [row["embedding"] for row in rows if "embedding" in row]
    raise BackendFailed(model, "the server sent no vectors")
