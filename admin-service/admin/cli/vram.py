"""`trollama vram`: the models in memory, seen and moved by an operator."""

import sys
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console, RenderableType

from admin.cli import vram_screen as screen
from admin.cli.calls import CALL_SECONDS, Method, call
from admin.cli.errors import NotOperator
from admin.cli.running import call_signed_in, run
from admin.config import Settings
from shared.errors import Forbidden
from shared.http import Refused

app = typer.Typer(help="The models in memory.", invoke_without_command=True, no_args_is_help=False)
crashes_app = typer.Typer(help="Models that crashed of late.", invoke_without_command=True)
app.add_typer(crashes_app, name="crashes")

LOAD_SECONDS = 960.0
"""A little longer than the brain itself waits for a load."""

Render = Callable[[dict[str, Any]], RenderableType]
Model = Annotated[str, typer.Argument(help="Its name, as in `trollama vram`.")]


@app.callback()
def vram(context: typer.Context) -> None:
    """The models in memory: what is loaded, who waits, what was decided and why."""
    if context.invoked_subcommand is None:
        status()


@app.command()
def status() -> None:
    """What is in memory, who waits, what was decided and why."""
    _look("/vram/status", screen.status)


@app.command()
def psi() -> None:
    """How long processes waited for memory."""
    _look("/vram/psi", screen.psi)


@app.command()
def plan(model: Model) -> None:
    """What loading a model would unload, and why. Nothing is done."""
    _do("GET", f"/vram/plan/{_encoded(model)}", screen.plan)


@app.command()
def load(model: Model) -> None:
    """Bring a model into memory and wait until it is there."""
    _do("POST", f"/vram/load/{_encoded(model)}", screen.loaded, seconds=LOAD_SECONDS)


@app.command()
def unload(model: Model) -> None:
    """Take a model out of memory, once nobody uses it."""
    _do("POST", f"/vram/unload/{_encoded(model)}", screen.unloaded)


@app.command()
def optimize() -> None:
    """Unload what is idle and not worth its memory."""
    _do("POST", "/vram/optimize", screen.optimized)


@app.command()
def reconcile() -> None:
    """Compare the books with what the model servers say."""
    _do("POST", "/vram/admin/reconcile", screen.reconciled)


@crashes_app.callback()
def crashes(context: typer.Context) -> None:
    """Models that crashed of late, and whether they are held back."""
    if context.invoked_subcommand is None:
        _do("GET", "/vram/admin/crashes", screen.crashes)


@crashes_app.command()
def clear(model: Model) -> None:
    """Forget a model's crashes, so that it may be loaded again at once."""
    _do("DELETE", f"/vram/admin/crashes/{_encoded(model)}", screen.cleared)


def _look(path: str, render: Render) -> None:
    """Show what is open to everybody."""

    async def ask(settings: Settings) -> Any:
        return await call("GET", settings.brain_address, path)

    Console(file=sys.stdout, highlight=False).print(render(run(ask)))


def _do(method: Method, path: str, render: Render, *, seconds: float = CALL_SECONDS) -> None:
    """Show what an operator gets."""

    async def ask(settings: Settings) -> Any:
        try:
            return await call_signed_in(settings, method, path, seconds=seconds)
        except Refused as refusal:
            if refusal.code == Forbidden.code:
                raise NotOperator from refusal
            raise

    Console(file=sys.stdout, highlight=False).print(render(run(ask)))


def _encoded(model: str) -> str:
    return quote(model, safe="")
