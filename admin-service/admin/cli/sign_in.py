"""
Getting a token for the person at this terminal.

With no sign-in on an installation where everybody may register, the terminal makes a personal
account for itself, so that a newcomer's first command is a question.
"""

import getpass
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic import SecretStr

from admin.cli.calls import call
from admin.cli.errors import NoAccount, SignInExpired
from admin.cli.logins import Login, Logins
from shared.clock import Clock
from shared.errors import BoundaryError
from shared.http import Refused

SPARE_SECONDS = 60
"""A token that ends within this time counts as ended."""

REFRESH_SECONDS = 3600
"""A token that ends within this time is exchanged for a fresh one."""

NAME_ATTEMPTS = 5


class SignIn:
    """The sign-in of this terminal at one auth-service. `say` gets a line worth reading, if any."""

    def __init__(
        self, address: str, *, logins: Logins, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._address = address
        self._logins = logins
        self._clock = clock
        self._say = say

    async def token(self) -> str:
        """A token that is good now. Raises `SignInExpired`, `NoAccount`, `NotRunning`."""
        login = self._logins.get(self._address)
        if login is None:
            return await self._personal_account()
        left = login.expires_at - self._clock.now()
        if left <= SPARE_SECONDS:
            return await self._by_password(login)
        if left <= REFRESH_SECONDS:
            return await self._refreshed(login)
        return login.token.get_secret_value()

    async def renew(self, refused: str) -> str:
        """Another token, after the brain refused this one. Raises as `token` does."""
        login = self._logins.get(self._address)
        if login is None:
            return await self._personal_account()
        if login.token.get_secret_value() != refused:  # another terminal was faster
            return login.token.get_secret_value()
        return await self._by_password(login)

    async def log_in(self, username: str, password: str) -> None:
        """Sign in and keep the token, never the password. Raises what auth-service refuses."""
        answer = await self._call("/login", {"username": username, "password": password})
        self._keep(answer, password=None)

    async def register(self, username: str, password: str, invite: str | None) -> None:
        """Make an account and sign in with it. Raises what auth-service refuses."""
        wanted = {"username": username, "password": password}
        await self._call("/register", wanted | ({"invite": invite} if invite else {}))
        await self.log_in(username, password)

    async def log_out(self) -> str | None:
        """End the sign-in here and at auth-service; whose it was, None when there was none."""
        login = self._logins.get(self._address)
        if login is None:
            return None
        self._logins.put(self._address, None)
        with suppress(Refused):  # it had ended already
            await self._call("/logout", token=login.token.get_secret_value())
        return login.username

    async def _personal_account(self) -> str:
        wanted = re.sub(r"[^a-z0-9._-]", "", _os_user().lower())[:32]
        name = wanted if len(wanted) >= 2 else "friend"
        password = secrets.token_urlsafe(24)
        for _ in range(NAME_ATTEMPTS):
            try:
                await self._call("/register", {"username": name, "password": password})
                break
            except Refused as refusal:
                if refusal.status != 409:
                    raise NoAccount(refusal.message) from refusal
                name = f"{wanted or 'friend'}-{secrets.token_hex(2)}"
        answer = await self._call("/login", {"username": name, "password": password})
        self._say(f"Made the account {name!r} for this terminal; trollama login uses another one.")
        return self._keep(answer, password=password)

    async def _by_password(self, login: Login) -> str:
        if login.password is None:
            raise SignInExpired
        password = login.password.get_secret_value()
        try:
            answer = await self._call("/login", {"username": login.username, "password": password})
        except Refused as refusal:
            if refusal.status != 401:
                raise
            return await self._personal_account()  # the accounts were reset
        return self._keep(answer, password=password)

    async def _refreshed(self, login: Login) -> str:
        token = login.token.get_secret_value()
        try:
            answer = await self._call("/refresh", token=token)
        except BoundaryError:
            return token  # good for a while yet; the brain decides
        password = login.password.get_secret_value() if login.password else None
        return self._keep(answer, password=password)

    def _keep(self, answer: dict[str, Any], *, password: str | None) -> str:
        token = str(answer["access_token"])
        login = Login(
            username=str(answer["user"]["username"]),
            token=SecretStr(token),
            expires_at=self._clock.now() + float(answer["expires_in"]),
            password=SecretStr(password) if password else None,
        )
        self._logins.put(self._address, login)
        return token

    async def _call(
        self, path: str, body: dict[str, str] | None = None, *, token: str | None = None
    ) -> Any:
        return await call("POST", self._address, path, token=token, body=body)


def wants_invitation(refusal: BoundaryError) -> bool:
    """Whether an account was refused for want of an invitation, which only its sentence tells."""
    return "invitation" in refusal.message


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""
