"""What can be refused here, and the sentence a person reads then."""

from shared.errors import (
    AuthRequired,
    BoundaryError,
    Busy,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    TooMany,
    Upstream,
)


class Unfit(InvalidRequest):
    """A field that breaks a rule of this service; the sentence names the field."""

    def __init__(self, field: str, why: str) -> None:
        self.field = field
        super().__init__(f"Please correct `{field}`: {why}.")


class BodyTooLarge(BoundaryError):
    """A request body over the limit (RFC 9110, 15.5.14)."""

    status = 413
    code = "protocol.malformed"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"This request is too large; at most {limit_bytes // 1024} KiB are read.")


class WrongLogin(AuthRequired):
    """One sentence whatever was wrong, so that it tells nobody which usernames exist."""

    def __init__(self) -> None:
        super().__init__("Wrong username or password.")


class WrongPassword(Forbidden):
    """Said to somebody whose sign-in is fine (a 401 would send them to log in again)."""

    def __init__(self) -> None:
        super().__init__("This is not your password; please try again.")


class SignInEnded(AuthRequired):
    """The token was logged out, replaced, or its account is gone or disabled."""

    def __init__(self) -> None:
        super().__init__("This sign-in has been ended; please log in again.")


class AccountDisabled(Forbidden):
    """Said only to somebody who knows the password."""

    def __init__(self) -> None:
        super().__init__("This account has been disabled; please ask the operator.")


class RegistrationClosed(Forbidden):
    """Nobody may make an account themselves."""

    def __init__(self) -> None:
        super().__init__("Registration is closed here; please ask the operator for an account.")


class InvitationNeeded(Forbidden):
    """No invitation, or one that was used, has expired or never existed."""

    def __init__(self) -> None:
        super().__init__(
            "Making an account needs a valid invitation (`invite`); please ask the operator."
        )


class UsernameTaken(Conflict):
    """Usernames are unique whatever their case."""

    def __init__(self, username: str) -> None:
        self.username = username
        super().__init__(f"The username {username!r} is taken; please choose another one.")


class NotAnAdmin(Conflict):
    """The command line would make an admin of somebody who registered themselves."""

    def __init__(self, username: str) -> None:
        self.username = username
        super().__init__(
            f"There is an account {username!r} already, which is no admin or is disabled. Choose "
            "another name; or, if you know whose it is, add `--promote`, and `--password` to end "
            "its API keys and links as well."
        )


class UnknownUser(NotFound):
    """No account has this id."""

    def __init__(self) -> None:
        super().__init__("There is no such account.")


class LastAdmin(Conflict):
    """Somebody must be left who can let others in."""

    def __init__(self) -> None:
        super().__init__("This is the last admin; please make somebody else an admin first.")


class ChangedMeanwhile(Conflict):
    """Two changed one account at once, and the other was faster."""

    retryable = True

    def __init__(self) -> None:
        super().__init__("Somebody has changed this account just now; please try again.")


class NotLinked(NotFound):
    """No account is linked with this identity."""

    def __init__(self, provider: str) -> None:
        super().__init__(
            f"This {provider.capitalize()} account is not linked with an account here."
        )


class LinkedElsewhere(Conflict):
    """An identity belongs to one account (protocol section 2)."""

    def __init__(self, provider: str) -> None:
        super().__init__(
            f"This {provider.capitalize()} account is already linked with another account."
        )


class NotALink(Conflict):
    """The password is how one proves to be oneself; it goes with the account alone."""

    def __init__(self) -> None:
        super().__init__("The password cannot be taken away; you can change it.")


class DiscordNotSetUp(NotFound):
    """The operator has not given the client id and secret of a Discord application."""

    def __init__(self) -> None:
        super().__init__("Signing in with Discord is not set up here; please use your password.")


class DiscordRefused(Upstream):
    """Discord did not say who is signing in."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("Discord did not confirm who you are; please try again.")


class ForeignAddress(InvalidRequest):
    """Where to go on is not one of our own pages."""

    def __init__(self) -> None:
        super().__init__(
            "Please correct `return_to`: it must be one of our own pages (ALLOWED_ORIGINS)."
        )


class CodeInvalid(NotFound):
    """A one-time code that was used, has expired or never existed."""

    def __init__(self) -> None:
        super().__init__("This code is not valid (any more); please get a new one.")


class UnknownKey(NotFound):
    """An API key that was revoked, never existed, or whose owner is shut out."""

    def __init__(self) -> None:
        super().__init__("There is no such API key (any more).")


class TooManyKeys(Conflict):
    """One person has as many API keys as one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"You have {limit} API keys; please revoke one you no longer need.")


class TooManyAttempts(TooMany):
    """Guessing is slowed down."""

    def __init__(self, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(
            f"Too many attempts; please try again in {_in_words(retry_after_seconds)}."
        )


class TooBusy(Busy):
    """More passwords wait to be checked than will be in a reasonable time."""

    retry_after_seconds = 5.0

    def __init__(self) -> None:
        super().__init__("Too many people are signing in right now; please try again in a moment.")


def _in_words(seconds: float) -> str:
    if seconds <= 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} minutes"
