"""The buttons below an answer. What they mean is in their id, so that they outlive a restart."""

from typing import Literal, cast, get_args

import discord

from shared.protocol import Done, Failed

Press = Literal["stop", "again", "other", "with"]
MAX_MODELS = 25
"""Options of one menu (Discord's documentation, String Select)."""


def custom_id(press: Press, ask_id: str) -> str:
    """At most 100 characters, as Discord wants them."""
    return f"{press}:{ask_id}"


def pressed(text: str) -> tuple[Press, str] | None:
    """What a button of ours means and for which question; None for others."""
    press, colon, ask_id = text.partition(":")
    if not colon or press not in get_args(Press):
        return None
    return cast(Press, press), ask_id


def stage_of(message: discord.Message, ask_id: str) -> Literal["running", "ended"] | None:
    """What the buttons below a message say about the answer to that question; None: nothing."""
    found = {asked: press for press, asked in presses_of(message)}
    match found.get(ask_id):
        case "stop":
            return "running"
        case "again" | "other":
            return "ended"
    return None


def presses_of(message: discord.Message) -> list[tuple[Press, str]]:
    """What our buttons below a message mean, and for which questions."""
    ids = (
        getattr(part, "custom_id", None) or ""
        for row in message.components
        for part in getattr(row, "children", [])
    )
    return [press for press in map(pressed, ids) if press is not None]


def while_running(ask_id: str) -> discord.ui.View:
    """Stop."""
    return _view(_button("Stop", "stop", ask_id, discord.ButtonStyle.danger))


def at_the_end(ask_id: str) -> discord.ui.View:
    """Regenerate, Other model."""
    return _view(
        _button("Regenerate", "again", ask_id, discord.ButtonStyle.secondary),
        _button("Other model", "other", ask_id, discord.ButtonStyle.secondary),
    )


def after_a_failure(ask_id: str) -> discord.ui.View:
    """Regenerate."""
    return _view(_button("Regenerate", "again", ask_id, discord.ButtonStyle.secondary))


def below(ask_id: str, end: Done | Failed | None) -> discord.ui.View | None:
    """What stands below the end of an answer."""
    match end:
        case Done():
            return at_the_end(ask_id)
        case Failed() if end.retryable or end.code == "chat.cancelled":
            return after_a_failure(ask_id)
    return None


def models_menu(ask_id: str, models: list[str]) -> discord.ui.View:
    """Which model answers instead."""
    return _view(
        discord.ui.Select(
            custom_id=custom_id("with", ask_id),
            placeholder="Which model?",
            options=[discord.SelectOption(label=name[:100]) for name in models[:MAX_MODELS]],
        )
    )


def _button(
    label: str, press: Press, ask_id: str, style: discord.ButtonStyle
) -> discord.ui.Button[discord.ui.View]:
    return discord.ui.Button(label=label, style=style, custom_id=custom_id(press, ask_id))


def _view(*items: discord.ui.Item[discord.ui.View]) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()  # presses arrive as interactions; the library need not remember this view
    return view
