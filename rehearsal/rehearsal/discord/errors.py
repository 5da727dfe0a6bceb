"""What the stand-in refuses, with Discord's own numbers.

Source: Discord's documentation, "Opcodes and Status Codes", JSON error codes.
"""

from typing import Any


class Refused(Exception):
    """A request answered with an error: HTTP status, Discord's code and its sentence."""

    def __init__(
        self, status: int, code: int, message: str, *, errors: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        return body if self.errors is None else body | {"errors": self.errors}


def invalid(field: str, code: str, message: str) -> Refused:
    """A form error (50035) at one field of the body."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        errors = {part: errors}
    return Refused(400, 50035, "Invalid Form Body", errors=errors)


def unknown(what: str) -> Refused:
    """Something that does not exist, or that the bot cannot see."""
    codes = {
        "Application": 10002, "Channel": 10003, "Guild": 10004, "Member": 10007,
        "Message": 10008, "User": 10013, "Emoji": 10014, "Webhook": 10015, "Interaction": 10062,
    }  # fmt: skip
    return Refused(404, codes[what], f"Unknown {what}")


def forbidden() -> Refused:
    """The bot lacks a permission."""
    return Refused(403, 50013, "Missing Permissions")


def no_access() -> Refused:
    """The bot cannot see the channel."""
    return Refused(403, 50001, "Missing Access")
