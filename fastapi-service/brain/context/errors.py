"""
What can be wrong with a conversation or a question.

InvalidRequest
└─ TooLong               chat.too_long
Forbidden
└─ ConversationForbidden chat.forbidden
"""

from shared.errors import Forbidden, InvalidRequest


class TooLong(InvalidRequest):
    """The text does not fit: `length` of at most `limit`, counted in `unit`."""

    code = "chat.too_long"

    def __init__(self, *, length: int, limit: int, unit: str) -> None:
        self.length = length
        self.limit = limit
        super().__init__(
            f"This message is too long: {length:,} {unit}, at most {limit:,} fit. "
            "Please shorten it or send it in parts."
        )


class ConversationForbidden(Forbidden):
    """The caller does not belong to this conversation, or does not own it."""

    code = "chat.forbidden"

    def __init__(self, what: str) -> None:
        super().__init__(f"You may not {what}.")
