"""
Why a person gets no answer this week.

TooMany
└─ BudgetExceeded   budget.exceeded
"""

from datetime import datetime

from shared.errors import TooMany


class BudgetExceeded(TooMany):
    """The tokens of this week are used or spoken for by questions that are being answered."""

    code = "budget.exceeded"
    retryable = False  # trying again at once can only fail again

    def __init__(self, *, used: int, reserved: int, limit: int, resets_at: datetime) -> None:
        self.used = used
        self.limit = limit
        open_ones = f" ({reserved:,} more are set aside for open questions)" if reserved else ""
        super().__init__(
            f"Weekly token budget exceeded. You have used {used:,} of {limit:,} tokens{open_ones}; "
            f"the budget is full again on {resets_at:%A, %d %B %Y, %H:%M} ({resets_at.tzinfo})."
        )
