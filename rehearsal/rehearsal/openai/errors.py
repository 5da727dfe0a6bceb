"""OpenAI's shape of an error: `{"error": {"message", "type", "param", "code"}}`."""

from typing import Any

from rehearsal.errors import NotInstalled, Refusal


class NotServed(NotInstalled):
    """No model of this name, in the words of OpenAI-style servers."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.message = f"The model `{model}` does not exist."


def error_body(refusal: Refusal) -> dict[str, Any]:
    """The body that goes with the refusal's status."""
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    kind = "rate_limit_error" if refusal.status == 429 else kind
    error = {"message": refusal.message, "type": kind, "param": None, "code": refusal.code}
    return {"error": error}
