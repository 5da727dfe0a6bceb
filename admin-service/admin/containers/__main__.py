"""`python -m admin.containers up|down|engine`, for the folder it is called in."""

from pathlib import Path
from typing import Annotated

import anyio
import typer

from admin.config import Compose
from admin.containers.down import down as stop
from admin.containers.engine import Docker
from admin.containers.up import Wishes
from admin.containers.up import up as start
from admin.local.words import say
from shared.clock import SystemClock

app = typer.Typer(help="Every service in a container.", add_completion=False)
INTERRUPTED = 130


def _docker() -> Docker:
    return Docker(Path.cwd(), project=Compose().compose_project_name)


@app.command()
def up(
    *,
    rehearsal: Annotated[
        bool, typer.Option(help="Scripted models, even where real ones are there.")
    ] = False,
    pull_models: Annotated[bool, typer.Option(help="Fetch the models that are missing.")] = False,
    foreground: Annotated[
        bool, typer.Option(help="Show the logs; Ctrl-C ends the application.")
    ] = False,
) -> None:
    """Start what is down, and return when everything is healthy."""
    wishes = Wishes(rehearsal=rehearsal, pull_models=pull_models, foreground=foreground)

    async def run() -> int:
        return await start(Path.cwd(), _docker(), wishes, clock=SystemClock())

    try:
        status = anyio.run(run)
    except KeyboardInterrupt:
        status = INTERRUPTED
        if foreground:
            anyio.run(lambda: stop(_docker(), everything=False))
        else:
            say("Interrupted. What was started stays up; ./stop.sh stops it.")
    raise typer.Exit(status)


@app.command()
def down(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Database and accounts, too.")] = False,
) -> None:
    """Stop what was started here; volumes stay."""

    async def run() -> int:
        return await stop(_docker(), everything=everything)

    raise typer.Exit(anyio.run(run))


@app.command(hidden=True)
def engine() -> None:
    """Exit 0 where containers can be used; else say why not."""
    trouble = anyio.run(_docker().trouble)
    if trouble is not None:
        typer.echo(trouble)
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
