"""The `rehearsal` command."""

import signal
from pathlib import Path
from typing import Annotated

import anyio
import typer

from rehearsal.faults import FaultError, load_faults
from rehearsal.script import ScriptError, default_script, load_script
from rehearsal.servers import DISCORD_PORT, OLLAMA_PORT, OPENAI_PORT, running
from rehearsal.stage import Rehearsal

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")]


def rehearse(
    *,
    ollama_port: Port = OLLAMA_PORT,
    openai_port: Port = OPENAI_PORT,
    discord_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help=f"Play a Discord too, by custom on {DISCORD_PORT}."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    script: Annotated[
        Path | None, typer.Option(help="TOML file: what the models are and say.")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(help="JSON file: what goes wrong, see the README.")
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.001, help="How many times faster than scripted.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Fixes the unevenness of the tokens.")] = 0,
) -> None:
    """
    Stand-ins: an Ollama and an OpenAI-style server with scripted models, and a Discord.

    Every answer says that it is rehearsed. Ends on Ctrl-C or SIGTERM.
    """
    try:
        stage = Rehearsal(
            default_script() if script is None else load_script(script),
            faults=() if faults is None else load_faults(faults),
            speed=speed,
            seed=seed,
        )
    except (ScriptError, FaultError) as invalid:
        typer.echo(str(invalid), err=True)
        raise typer.Exit(2) from invalid
    try:
        anyio.run(_serve, stage, host, ollama_port, openai_port, discord_port)
    except OSError as taken:
        typer.echo(f"Cannot listen: {taken.strerror}.", err=True)
        raise typer.Exit(1) from taken


async def _serve(
    stage: Rehearsal, host: str, ollama_port: int, openai_port: int, discord_port: int | None
) -> None:
    async with running(
        stage,
        host=host,
        ollama_port=ollama_port,
        openai_port=openai_port,
        discord_port=discord_port,
    ) as servers:
        names = ", ".join(model.name for model in stage.script.models if model.installed)
        typer.echo("Rehearsal: these are scripted stand-ins, no real model is asked.")
        typer.echo(f"Ollama style  {servers.ollama_url}")
        typer.echo(f"OpenAI style  {servers.openai_url}/v1")
        typer.echo(f"Models        {names}")
        if servers.discord_url is not None:
            typer.echo(f"Discord       {servers.discord_url} (token: {stage.discord.token})")
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                break


def main() -> None:
    """Entry point of the `rehearsal` script and of `python -m rehearsal`."""
    typer.run(rehearse)


if __name__ == "__main__":
    main()
