"""`python -m auth.setup_admin`: makes an operator's account, or an operator of an account."""

import argparse
import getpass
import sys
from collections.abc import Sequence

import anyio
import anyio.to_thread

from auth.accounts import Accounts, NewAccount
from auth.config import Settings
from auth.errors import Unfit
from auth.wiring import opened
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
            auth.accounts,
            username=given.username,
            password=await anyio.to_thread.run_sync(_from_stdin, given.password),
            display_name=given.display,
            email=given.email,
        )


async def make_admin(
    accounts: Accounts,
    *,
    username: str,
    password: str | None,
    display_name: str | None,
    email: str | None,
) -> str:
    """
    Make the account, or promote the one there is; returns the sentence that says which.

    A password given for an account there is replaces its password; one is asked for on the
    terminal only when a new account needs it. All sign-ins of a promoted account end.
    """
    user = await accounts.find(username)
    if user is None:
        chosen = await anyio.to_thread.run_sync(_ask) if password is None else password
        await accounts.create(
            NewAccount(username, chosen, display_name=display_name, email=email), role="admin"
        )
        return f"The admin {username!r} has been made and can log in now."
    if password is not None:
        await accounts.set_password(user, password)
    await accounts.promote(user, display_name=display_name, email=email)
    changed = " with the new password" if password is not None else "; the password is as it was"
    return f"{user.username!r} is an admin now{changed}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m auth.setup_admin", description=__doc__)
    parser.add_argument("--username", required=True, help="the name to log in with")
    parser.add_argument(
        "--password", help="`-` reads it from standard input; absent: you are asked"
    )
    parser.add_argument("--display", help="the name others see")
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
