"""`python -m auth.setup_admin`: makes an operator's account, or an operator of an account."""

import argparse
import getpass
import sys
from collections.abc import Sequence

import anyio
import anyio.to_thread

from auth.accounts import NewAccount
from auth.audit import CONSOLE
from auth.config import Settings
from auth.errors import NotAnAdmin, Unfit
from auth.users import User
from auth.wiring import Auth, opened
from shared.errors import BoundaryError, StoreUnavailable
from shared.log import configure
from shared.settings import load_settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Exit codes: 0 done, 1 refused with a sentence, 2 wrong arguments or settings."""
    given = _parser().parse_args(arguments)
    settings = load_settings(Settings)
    configure("auth-service", level="WARNING")
    try:
        sentence = anyio.run(_run, settings, given)
    except StoreUnavailable as down:
        print(f"{down} ({down.reason})", file=sys.stderr)  # noqa: T201 - the program's answer
        sys.exit(1)
    except (BoundaryError, ValueError) as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 - the program's answer
        sys.exit(1)
    print(sentence)  # noqa: T201 - the program's answer


async def _run(settings: Settings, given: argparse.Namespace) -> str:
    async with opened(settings) as auth:
        return await make_admin(
            auth,
            username=given.username,
            password=await anyio.to_thread.run_sync(_from_stdin, given.password),
            display_name=given.display,
            email=given.email,
            promote=given.promote,
        )


async def make_admin(
    auth: Auth,
    *,
    username: str,
    password: str | None,
    display_name: str | None,
    email: str | None,
    promote: bool = False,
) -> str:
    """
    Make the account, or promote the one there is; returns the sentence that says which.

    Where people register themselves, an account of this name may be a stranger's: one that is no
    admin yet is promoted, and let in again, only if `promote` says so. A password given for an
    account there is replaces its password and ends every other way in: API keys, links. One is
    asked for on the terminal only when a new account needs it. All its sign-ins end. Raises
    `NotAnAdmin`, and what `Accounts` raises.
    """
    user = await auth.accounts.find(username)
    if user is None:
        chosen = await anyio.to_thread.run_sync(_ask) if password is None else password
        await auth.accounts.create(
            NewAccount(username, chosen, display_name=display_name, email=email), role="admin"
        )
        return f"The admin {username!r} has been made and can log in now."
    if not (user.runs_the_place or promote):
        raise NotAnAdmin(user.username)
    if password is not None:
        await _take_over(auth, user, password)
    await auth.accounts.promote(user, display_name=display_name, email=email)
    if password is None:
        return (
            f"{user.username!r} is an admin now; the password is as it was, "
            "and so are API keys and links."
        )
    return (
        f"{user.username!r} is an admin now with the new password; "
        "API keys and links of before have ended."
    )


async def _take_over(auth: Auth, user: User, password: str) -> None:
    """Leave no way in but the new password."""
    await auth.accounts.set_password(user, password)
    await auth.keys.revoke_all(user.user_id)
    for method in await auth.repository.methods(user.user_id):
        if method.provider != "password":
            await auth.links.detach(user, method.provider, method.identity, by=CONSOLE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m auth.setup_admin", description=__doc__)
    parser.add_argument("--username", required=True, help="the name to log in with")
    parser.add_argument(
        "--password", help="`-` reads it from standard input; absent: you are asked"
    )
    parser.add_argument("--display", help="the name others see")
    parser.add_argument(
        "--promote", action="store_true", help="make an admin of an account there is already"
    )
    parser.add_argument("--email", help="an e-mail address, for the operator's own use")
    return parser


def _from_stdin(password: str | None) -> str | None:
    match password:
        case "-":
            return sys.stdin.readline().rstrip("\r\n")
        case _:
            return password


def _ask() -> str:
    if not sys.stdin.isatty():
        raise Unfit("--password", "there is no terminal to ask on; give it, or `-` to read it here")
    first = getpass.getpass("Password for the new admin: ")
    if getpass.getpass("Once more: ") != first:
        raise Unfit("--password", "the two passwords differ")
    return first


if __name__ == "__main__":
    main()
