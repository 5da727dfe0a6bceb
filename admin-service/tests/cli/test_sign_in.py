"""Signing in against a small server that answers as auth-service does (protocol section 5)."""

import json
import stat
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from admin.cli.errors import NoAccount, NotRunning, SignInExpired
from admin.cli.logins import Logins, login_file
from admin.cli.sign_in import SignIn, wants_invitation
from admin.config import Settings
from shared.clock import ManualClock
from shared.errors import BoundaryError

HOUR = 3600


class Accounts:
    """What the server knows."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.calls: list[str] = []
        self.tokens = 0
        self.open = True
        self.invitation = ""
        self.address = ""

    def answer(self, path: str, body: dict[str, str], token: str) -> tuple[int, Any]:
        self.calls.append(path)
        if path == "/register":
            return self._register(body)
        if path == "/login":
            if self.passwords.get(body["username"]) != body["password"]:
                return 401, error("auth.required", "Wrong username or password.")
            return 200, self._token(body["username"])
        if path == "/refresh":
            return 200, self._token(next(iter(self.passwords)))
        return 204, None

    def _register(self, body: dict[str, str]) -> tuple[int, Any]:
        if self.invitation and body.get("invite") != self.invitation:
            return 403, error("auth.forbidden", "Making an account needs a valid invitation.")
        if not self.open:
            return 403, error("auth.forbidden", "Registration is closed here.")
        if body["username"] in self.passwords:
            return 409, error("conflict", "Taken.")
        self.passwords[body["username"]] = body["password"]
        return 201, {"user_id": "u"}

    def _token(self, username: str) -> dict[str, Any]:
        self.tokens += 1
        user = {"username": username}
        return {"access_token": f"token-{self.tokens}", "expires_in": 8 * HOUR, "user": user}


def error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "retryable": False}}


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    known = Accounts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            status, answer = known.answer(
                self.path, body or {}, self.headers.get("Authorization", "")
            )
            content = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known.address = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        yield known
        server.shutdown()
        thread.join()


class Terminal:
    """One terminal with its file, its clock and what was said on it."""

    def __init__(self, address: str, path: Path) -> None:
        self.said: list[str] = []
        self.clock = ManualClock()
        self.logins = Logins(path)
        self.sign_in = SignIn(address, logins=self.logins, clock=self.clock, say=self.said.append)


@pytest.fixture
def terminal(accounts: Accounts, tmp_path: Path) -> Terminal:
    return Terminal(accounts.address, tmp_path / "data" / "cli.json")


async def test_a_newcomer_gets_an_account_and_one_line_about_it(
    accounts: Accounts, terminal: Terminal, tmp_path: Path
) -> None:
    assert await terminal.sign_in.token() == "token-1"
    assert len(terminal.said) == 1
    assert len(accounts.passwords) == 1
    mode = (tmp_path / "data" / "cli.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_the_account_is_made_once(accounts: Accounts, terminal: Terminal) -> None:
    for _ in range(3):
        await terminal.sign_in.token()
    assert accounts.calls == ["/register", "/login"]


async def test_a_taken_name_gets_an_ending(accounts: Accounts, terminal: Terminal) -> None:
    await terminal.sign_in.token()
    taken = next(iter(accounts.passwords))
    terminal.logins.put(accounts.address, None)
    await terminal.sign_in.token()
    other = next(name for name in accounts.passwords if name != taken)
    assert other.startswith(f"{taken}-")


async def test_closed_registration_says_what_to_do(accounts: Accounts, terminal: Terminal) -> None:
    accounts.open = False
    with pytest.raises(NoAccount, match="trollama login"):
        await terminal.sign_in.token()


async def test_a_typed_password_is_never_kept(
    accounts: Accounts, terminal: Terminal, tmp_path: Path
) -> None:
    accounts.passwords["ada"] = "a-typed-password"
    await terminal.sign_in.log_in("ada", "a-typed-password")
    assert "a-typed-password" not in (tmp_path / "data" / "cli.json").read_text()
    await terminal.clock.advance(9 * HOUR)
    with pytest.raises(SignInExpired, match="trollama login"):
        await terminal.sign_in.token()


async def test_registering_makes_the_account_and_signs_in(
    accounts: Accounts, terminal: Terminal
) -> None:
    await terminal.sign_in.register("ada", "a-typed-password", None)
    assert accounts.passwords == {"ada": "a-typed-password"}
    assert await terminal.sign_in.token() == "token-1"


async def test_an_invitation_is_asked_for_by_its_sentence_and_opens_the_door(
    accounts: Accounts, terminal: Terminal
) -> None:
    accounts.invitation = "K3Y"
    with pytest.raises(BoundaryError) as refused:
        await terminal.sign_in.register("ada", "a-typed-password", None)
    assert wants_invitation(refused.value)
    await terminal.sign_in.register("ada", "a-typed-password", "K3Y")
    assert "ada" in accounts.passwords


async def test_a_wrong_password_keeps_nothing(accounts: Accounts, terminal: Terminal) -> None:
    with pytest.raises(BoundaryError, match="Wrong username or password"):
        await terminal.sign_in.log_in("ada", "wrong")
    assert terminal.logins.get(accounts.address) is None


async def test_a_token_near_its_end_is_refreshed(accounts: Accounts, terminal: Terminal) -> None:
    await terminal.sign_in.token()
    await terminal.clock.advance(7.5 * HOUR)
    assert await terminal.sign_in.token() == "token-2"
    assert accounts.calls[-1] == "/refresh"


async def test_the_terminals_own_account_signs_in_again_after_expiry(
    accounts: Accounts, terminal: Terminal
) -> None:
    await terminal.sign_in.token()
    await terminal.clock.advance(9 * HOUR)
    assert await terminal.sign_in.token() == "token-2"
    assert accounts.calls[-1] == "/login"


async def test_accounts_that_were_reset_are_made_again(
    accounts: Accounts, terminal: Terminal
) -> None:
    await terminal.sign_in.token()
    accounts.passwords.clear()
    assert await terminal.sign_in.renew("token-1") == "token-2"
    assert len(accounts.passwords) == 1


async def test_a_token_another_terminal_renewed_is_taken_over(
    accounts: Accounts, terminal: Terminal
) -> None:
    await terminal.sign_in.token()
    calls = len(accounts.calls)
    assert await terminal.sign_in.renew("an-older-token") == "token-1"
    assert len(accounts.calls) == calls


async def test_signing_out_forgets_and_ends_the_token(
    accounts: Accounts, terminal: Terminal
) -> None:
    await terminal.sign_in.token()
    assert await terminal.sign_in.log_out() is not None
    assert accounts.calls[-1] == "/logout"
    assert terminal.logins.get(accounts.address) is None
    assert await terminal.sign_in.log_out() is None


async def test_a_token_is_for_the_installation_that_gave_it(
    accounts: Accounts, terminal: Terminal
) -> None:
    await terminal.sign_in.token()
    assert terminal.logins.get("http://elsewhere") is None


async def test_nobody_there_is_said_so(tmp_path: Path, free_address: str) -> None:
    with pytest.raises(NotRunning, match=r"start it with \./start\.sh"):
        await Terminal(free_address, tmp_path / "cli.json").sign_in.token()


def test_the_file_is_in_the_clone_or_where_one_says(tmp_path: Path) -> None:
    (tmp_path / "start.sh").touch()
    settings = Settings(_env_file=None)
    assert login_file(settings, root=tmp_path) == tmp_path / "data" / "cli.json"
    assert tmp_path not in login_file(settings, root=tmp_path / "elsewhere").parents
    chosen = Settings(_env_file=None, cli_login_file=tmp_path / "mine")
    assert login_file(chosen, root=tmp_path) == tmp_path / "mine"


def test_a_broken_file_is_no_sign_in(tmp_path: Path) -> None:
    (tmp_path / "cli.json").write_text("{")
    assert Logins(tmp_path / "cli.json").get("http://a") is None
