"""The commands of `trollama` and their options."""

import os
import sys
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from admin.cli import vram
from admin.cli.chat import Wishes, ask_once, new_conversation
from admin.cli.door import Door
from admin.cli.errors import TooLong
from admin.cli.files import fetch, free_place, save_all, upload
from admin.cli.running import call_signed_in, complain, gave_out, run, sign_in
from admin.cli.sign_in import wants_invitation
from admin.cli.status import console_for, show_status
from admin.cli.words import printable
from admin.config import ROOT, Settings
from shared.clock import SystemClock
from shared.errors import BoundaryError
from shared.protocol import MAX_TEXT_BYTES, MAX_TEXT_CHARS, AskOptions, Done

READABLE: dict[str, Any] = {"exists": True, "dir_okay": False, "readable": True}


def ordinary(paths: list[Path] | None) -> list[Path] | None:
    """Devices, pipes and what the kernel makes up while it is read have no size to send."""
    for path in paths or ():
        if not path.is_file():
            raise typer.BadParameter(f"{path} is not an ordinary file")
        if path.stat().st_size == 0:
            raise typer.BadParameter(f"{path} is empty")
    return paths


app = typer.Typer(
    help="Talk to Trollama from the terminal.", no_args_is_help=True, add_completion=False
)
app.add_typer(vram.app, name="vram")


def main() -> None:
    """The entry point: failures become their sentence on stderr and exit status 1."""
    _make_output_sturdy()
    try:
        app()
    except BoundaryError as failure:
        complain(failure.message)
        sys.exit(1)
    except OSError as failure:
        gave_out(failure)
        sys.exit(1)


@app.command()
def chat(
    text: Annotated[
        str | None, typer.Argument(help="The question; without, a conversation.")
    ] = None,
    *,
    model: Annotated[str | None, typer.Option(help="Insist on a model.")] = None,
    route: Annotated[str | None, typer.Option(help="Insist on a route.")] = None,
    think: Annotated[
        bool | None, typer.Option(help="Let the model think, and show it.", show_default=False)
    ] = None,
    conversation: Annotated[str | None, typer.Option(help="Go on in this conversation.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the end frame.")] = False,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            help="A file that belongs to the question; may be repeated.",
            callback=ordinary,
            **READABLE,
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Put files of the answer into this folder.", file_okay=False)
    ] = None,
) -> None:
    """Ask, and watch the answer grow. Ctrl-C cancels."""
    wishes = Wishes(
        options=AskOptions(model=model, route=route, think=think),
        conversation_id=conversation or new_conversation(),
        as_json=as_json,
        files=tuple(file or ()),
        save=save,
    )
    if text is None and not sys.stdin.isatty():
        # What is no UTF-8 is shown as such; one character more than fits is enough to refuse it.
        piped = sys.stdin.buffer.read(4 * (MAX_TEXT_CHARS + 1))
        text = piped.decode("utf-8", "replace")
    if text is None:
        _converse(wishes)
        return
    if not text.strip() and not wishes.files:
        raise typer.BadParameter("the question is empty")
    raise typer.Exit(_ask(text, wishes))


@app.command()
def register(
    username: Annotated[str | None, typer.Argument(help="Asked for when left out.")] = None,
    *,
    invite: Annotated[str | None, typer.Option(help="The code of an invitation.")] = None,
) -> None:
    """Make an account of your own and sign in with it."""
    name = username or typer.prompt("Username", err=True)
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    try:
        run(lambda settings: sign_in(settings).register(name, password, invite))
    except BoundaryError as refusal:
        if invite or not wants_invitation(refusal) or not sys.stdin.isatty():
            raise
        code = typer.prompt("Invitation code", err=True)
        run(lambda settings: sign_in(settings).register(name, password, code))
    complain(f"Made the account {name} and signed in with it.")


@app.command()
def login(
    username: Annotated[str | None, typer.Argument(help="Asked for when left out.")] = None,
) -> None:
    """Sign in with your own account."""
    name = username or typer.prompt("Username", err=True)
    password = typer.prompt("Password", hide_input=True, err=True)
    run(lambda settings: sign_in(settings).log_in(name, password))
    complain(f"Signed in as {name}.")


@app.command()
def logout() -> None:
    """End the sign-in of this terminal."""
    name = run(lambda settings: sign_in(settings).log_out())
    complain(f"Signed out {name}." if name else "Nobody was signed in.")


@app.command()
def status() -> None:
    """What runs, and how it is."""
    console = console_for(sys.stdout)

    async def show(settings: Settings) -> bool:
        return await show_status(settings, root=ROOT, console=console)

    if not run(show):
        raise typer.Exit(1)


@app.command()
def artifact(
    artifact_id: Annotated[str, typer.Argument(help="As shown with the answer.")],
    *,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Its new place; - prints it.")
    ] = None,
) -> None:
    """Fetch a file that came out of an answer; without -o into this folder, under its name."""
    fetched = run(lambda settings: fetch(settings, artifact_id))
    if output == "-":
        sys.stdout.buffer.write(fetched.data)
        return
    place = Path(output) if output else free_place(Path(), fetched.filename)
    place.write_bytes(fetched.data)
    complain(f"Saved {place}.")


@app.command()
def cancel(request_id: Annotated[str, typer.Argument(help="As shown with the question.")]) -> None:
    """Stop a question of yours."""
    report = run(lambda settings: _cancel(settings, request_id))
    typer.echo(printable(f"{request_id}: {report.get('status', 'cancelled')}"))


# ------------------------------------------------------------------ below the commands


def _converse(wishes: Wishes) -> None:
    typer.echo("A conversation; /new begins another one, /quit or Ctrl-D ends it.", err=True)
    while True:
        try:
            text = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            typer.echo(err=True)
            return
        if text in ("/quit", "/exit"):
            return
        if text == "/new":
            wishes = replace(wishes, conversation_id=new_conversation())
        elif text:
            try:
                _ask(text, wishes)
            except BoundaryError as failure:
                complain(failure.message)
            else:
                wishes = replace(wishes, files=())  # they came with the first question


def _ask(text: str, wishes: Wishes) -> int:
    if len(text) > MAX_TEXT_CHARS or len(text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        raise TooLong
    # What a terminal sent that is no text would not travel as JSON.
    readable = text.encode("utf-8", "replace").decode()

    async def ask(settings: Settings) -> int:
        attachments = [await upload(settings, path, say=complain) for path in wishes.files]
        door = Door(settings.brain_address, sign_in(settings))
        status, end = await ask_once(
            readable, wishes, door=door, clock=SystemClock(), attachments=attachments
        )
        if wishes.save is not None and isinstance(end, Done):
            await save_all(settings, end.artifacts, wishes.save, say=complain)
        return status

    return run(ask)


async def _cancel(settings: Settings, request_id: str) -> dict[str, Any]:
    path = f"/api/discord/cancel/{quote(request_id, safe='')}"
    report = await call_signed_in(settings, "DELETE", path)
    return report if isinstance(report, dict) else {}


def _make_output_sturdy() -> None:
    """Neither a closed stream nor what its encoding lacks ends the command."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - open until the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
