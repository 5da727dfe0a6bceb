"""`python -m admin.local up|down|supervise`, for the folder it is called in."""

from pathlib import Path
from typing import Annotated

import anyio
import typer

from admin.config import Settings
from admin.local.down import down as stop_everything
from admin.local.up import supervise as run_supervisor
from admin.local.up import up as start_what_is_down
from shared.settings import load_settings

app = typer.Typer(help="Every service on this machine, without containers.", add_completion=False)
Rehearsal = Annotated[bool, typer.Option(help="Scripted models, even where real ones are there.")]


@app.command()
def up(
    *,
    rehearsal: Rehearsal = False,
    foreground: Annotated[bool, typer.Option(help="Stay attached; Ctrl-C ends all.")] = False,
) -> None:
    """Start what is down, and return when everything is live."""

    async def run() -> int:
        return await start_what_is_down(Path.cwd(), rehearsal=rehearsal, foreground=foreground)

    raise typer.Exit(anyio.run(run))


@app.command()
def down() -> None:
    """Stop everything that was started here."""
    stop_everything(Path.cwd())


@app.command(hidden=True)
def supervise(*, rehearsal: Rehearsal = False) -> None:
    """Run every service until SIGTERM; `up` starts this in the background."""

    async def run() -> None:
        settings = load_settings(Settings)
        await run_supervisor(Path.cwd(), settings, rehearsal=rehearsal, echo=False)

    anyio.run(run)


if __name__ == "__main__":
    app()
