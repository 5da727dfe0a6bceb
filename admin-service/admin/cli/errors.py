"""Why a command could not do its work, in the sentence the person at the terminal reads."""

from shared.errors import AuthRequired, Forbidden, InvalidRequest, Upstream
from shared.protocol import MAX_TEXT_CHARS


class NotRunning(Upstream):
    """Nothing answers where Trollama should be."""

    def __init__(self, address: str, *, here: bool) -> None:
        super().__init__(
            "Trollama is not running here; start it with ./start.sh"
            if here
            else f"Trollama does not answer at {address}."
        )


class AwayTooLong(Upstream):
    """The brain was there, went away and did not come back while we waited."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The connection was lost and did not come back within {seconds:.0f} s. "
            "Your question is kept; ask again later."
        )


class TooLong(InvalidRequest):
    """More text than the brain takes."""

    code = "chat.too_long"

    def __init__(self) -> None:
        super().__init__(
            f"This message is too long: at most {MAX_TEXT_CHARS:,} characters fit. "
            "Please shorten it or send it in parts."
        )


class UpgradeRefused(Upstream):
    """The brain's door answered with something else than a socket."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The brain refused the connection with status {status}.")


class SignInExpired(AuthRequired):
    """A token that is over, and no password kept to get a new one."""

    def __init__(self) -> None:
        super().__init__("Your sign-in has expired; please run: trollama login")


class NoAccount(AuthRequired):
    """Nobody is signed in, and this installation lets nobody make an account themselves."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} If you have one, run: trollama login")


class NotOperator(Forbidden):
    """The sign-in of this terminal has no operator's rights."""

    def __init__(self) -> None:
        super().__init__(
            "Only an operator may do this; sign in as one with: trollama login\n"
            "The first one is made by: .venv/bin/python -m auth.setup_admin --username NAME"
        )
