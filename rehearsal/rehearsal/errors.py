"""Refusals in the wording of the servers that are played; each door gives them its own shape."""

from rehearsal.script import BYTES_PER_GB, Capability

BYTES_PER_GIB = 2**30


class Refusal(Exception):
    """
    A request answered with an error: HTTP status and the sentence a client sees.

    `code` is what the OpenAI-style door adds to them.
    """

    status = 500
    code: str | None = None

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status


class BadRequest(Refusal):
    """The request as sent can never succeed."""

    status = 400


class TooLong(BadRequest):
    """The prompt does not fit the model's context (Ollama's wording)."""

    code = "context_length_exceeded"

    def __init__(self) -> None:
        super().__init__("the input length exceeds the context length")


class NotInstalled(Refusal):
    """No model of this name (Ollama's wording)."""

    status = 404
    code = "model_not_found"

    def __init__(self, model: str) -> None:
        super().__init__(f"model '{model}' not found")


class Incapable(BadRequest):
    """The model exists and cannot do what is asked (Ollama's wording)."""

    def __init__(self, model: str, capability: Capability | str) -> None:
        if capability == "tools":
            super().__init__(f"registry.ollama.ai/library/{model} does not support tools")
        else:
            super().__init__(f'"{model}" does not support {capability}')


class ServerBusy(Refusal):
    """More requests wait than the server keeps (Ollama's wording, two spaces included)."""

    status = 503

    def __init__(self) -> None:
        super().__init__("server busy, please try again.  maximum pending requests exceeded")


class OutOfMemory(Refusal):
    """A model cannot be loaded because there is no room (wording of Ollama up to 0.24)."""

    def __init__(self, *, needs_gb: float, available_gb: float) -> None:
        needs, available = (gb * BYTES_PER_GB / BYTES_PER_GIB for gb in (needs_gb, available_gb))
        super().__init__(
            f"model requires more system memory ({needs:.1f} GiB) "
            f"than is available ({max(available, 0.0):.1f} GiB)"
        )


class Dropped(Exception):
    """A fault says that the connection breaks here, without a word."""


class ProcessDied(Exception):
    """A fault says that the whole server dies here, and stays away for scripted seconds."""

    def __init__(self, down_seconds: float) -> None:
        super().__init__(down_seconds)
        self.down_seconds = down_seconds


class RunnerDied(Refusal):
    """The process that holds the model ran out of memory while it answered (wording of 0.30)."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            message or "llama runner process has terminated: cudaMalloc failed: out of memory"
        )
