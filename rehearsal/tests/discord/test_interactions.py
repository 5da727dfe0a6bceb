"""Commands, buttons, menus and forms with the real client."""

from collections.abc import Awaitable, Callable
from typing import Any

import discord
import pytest

from discord_client import Client
from rehearsal.discord import Discord, NotThere

Answer = Callable[[discord.Interaction, str], Awaitable[None]]


async def command(bot: Client, answer: Answer) -> None:
    """Register `/ask question` and let `answer` answer it."""

    async def ask(interaction: discord.Interaction, question: str) -> None:
        await answer(interaction, question)

    bot.tree.add_command(
        discord.app_commands.Command(name="ask", description="Asks.", callback=ask)
    )
    listed = await bot.tree.sync()
    assert [each.name for each in listed] == ["ask"]


async def test_a_command_is_registered_used_and_answered(bot: Client, stage: Discord) -> None:
    async def answer(interaction: discord.Interaction, question: str) -> None:
        await interaction.response.send_message(f"You asked: {question}")
        await interaction.followup.send("And more.")
        await interaction.edit_original_response(content="Edited.")

    await command(bot, answer)
    stage.slash(stage.ada, stage.general, "ask", {"question": "why?"})
    await stage.until(lambda: len(stage.messages(stage.general)) == 2)
    await stage.until(lambda: stage.messages(stage.general)[0].content == "Edited.")
    first, second = stage.messages(stage.general)
    assert first.versions[0].content == "You asked: why?"
    assert first.invoked is not None
    assert first.invoked["name"] == "ask"
    assert second.content == "And more."


async def test_a_deferred_answer_fills_the_message_that_waits(bot: Client, stage: Discord) -> None:
    async def answer(interaction: discord.Interaction, question: str) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.followup.send(question.upper())

    await command(bot, answer)
    stage.slash(stage.ada, stage.general, "ask", {"question": "why?"})
    await stage.until(lambda: [each.content for each in stage.messages(stage.general)] == ["WHY?"])
    (filled,) = stage.messages(stage.general)
    assert filled.flags == 0, "it is loading no more"


async def test_an_answer_can_be_for_one_person_only(bot: Client, stage: Discord) -> None:
    async def answer(interaction: discord.Interaction, _: str) -> None:
        await interaction.response.send_message("between us", ephemeral=True)

    await command(bot, answer)
    stage.slash(stage.ada, stage.general, "ask", {"question": "why?"})
    await stage.until(lambda: len(stage.general.messages) == 1)
    assert stage.messages(stage.general) == []
    (hidden,) = stage.general.messages.values()
    assert hidden.seen_by == stage.ada.id


async def test_the_token_ends_and_an_ordinary_message_still_comes(
    bot: Client, stage: Discord
) -> None:
    failures: list[discord.HTTPException] = []

    async def answer(interaction: discord.Interaction, _: str) -> None:
        await interaction.response.defer(thinking=True)
        stage.state.rules.token_seconds = -1.0
        try:
            await interaction.followup.send("late")
        except discord.HTTPException as late:
            failures.append(late)
        assert isinstance(interaction.channel, discord.TextChannel)
        await interaction.channel.send("not lost")

    await command(bot, answer)
    stage.slash(stage.ada, stage.general, "ask", {"question": "why?"})
    await stage.until(lambda: stage.messages(stage.general)[-1:] and failures)
    await stage.until(lambda: stage.messages(stage.general)[-1].content == "not lost")
    assert (failures[0].status, failures[0].code) == (401, 50027)


async def test_a_second_answer_and_a_late_one_are_refused(bot: Client, stage: Discord) -> None:
    failures: list[int] = []

    async def answer(interaction: discord.Interaction, question: str) -> None:
        if question == "late":
            stage.state.rules.answer_seconds = -1.0
        for _ in range(2):
            try:
                await bot.http.request(
                    discord.http.Route(
                        "POST", "/interactions/{i}/{t}/callback",
                        i=interaction.id, t=interaction.token,
                    ),
                    json={"type": 4, "data": {"content": "hello"}},
                )  # fmt: skip
            except discord.HTTPException as refused:
                failures.append(refused.code)

    await command(bot, answer)
    stage.slash(stage.ada, stage.general, "ask", {"question": "twice"})
    await stage.until(lambda: failures == [40060])
    stage.slash(stage.ada, stage.general, "ask", {"question": "late"})
    await stage.until(lambda: failures == [40060, 10062, 10062])


async def test_buttons_and_menus_reach_their_message(bot: Client, stage: Discord) -> None:
    pressed: list[tuple[str, Any]] = []

    class Choices(discord.ui.View):
        @discord.ui.button(label="Stop", custom_id="stop")
        async def stop_it(self, interaction: discord.Interaction, _: Any) -> None:
            pressed.append(("stop", interaction.user.display_name))
            await interaction.response.edit_message(content="Stopped.", view=None)

        @discord.ui.select(
            options=[discord.SelectOption(label="a"), discord.SelectOption(label="b")]
        )
        async def choose(self, interaction: discord.Interaction, menu: Any) -> None:
            pressed.append(("choose", menu.values))
            await interaction.response.defer()

    channel = bot.get_channel(stage.general.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.send("working", view=Choices())
    (message,) = stage.messages(stage.general)
    menu = message.components[1]["components"][0]["custom_id"]
    stage.press(stage.grace, message, menu, values=["b"])
    await stage.until(lambda: pressed == [("choose", ["b"])])
    stage.press(stage.grace, message, "Stop")
    await stage.until(lambda: message.content == "Stopped.")
    assert pressed[-1] == ("stop", "Grace")
    with pytest.raises(NotThere, match="no button 'Stop'"):
        stage.press(stage.grace, message, "Stop")


async def test_a_form_is_shown_and_filled_in(bot: Client, stage: Discord) -> None:
    filled: list[str] = []

    class Form(discord.ui.Modal, title="More"):
        words: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Words", custom_id="words")

        async def on_submit(self, interaction: discord.Interaction) -> None:
            filled.append(self.words.value)
            await interaction.response.send_message("Thanks.")

    async def answer(interaction: discord.Interaction, _: str) -> None:
        await interaction.response.send_modal(Form())

    await command(bot, answer)
    asked = stage.slash(stage.ada, stage.general, "ask", {"question": "why?"})
    await stage.until(lambda: asked.modal)
    stage.fill_in(asked, {"words": "because"})
    await stage.until(lambda: filled == ["because"] and stage.messages(stage.general))


async def test_in_direct_messages_a_command_has_a_user(bot: Client, stage: Discord) -> None:
    async def answer(interaction: discord.Interaction, _: str) -> None:
        assert interaction.guild is None
        await interaction.response.send_message(f"Hello {interaction.user.display_name}")

    await command(bot, answer)
    channel = stage.dm_channel(stage.linus)
    stage.slash(stage.linus, channel, "ask", {"question": "why?"})
    await stage.until(lambda: [each.content for each in stage.messages(channel)] == ["Hello Linus"])


async def test_people_can_do_only_what_discord_would_let_them(bot: Client, stage: Discord) -> None:
    async def answer(interaction: discord.Interaction, _: str) -> None:
        view = discord.ui.View()
        view.add_item(discord.ui.Button(label="Stop", disabled=True))
        await interaction.response.send_message("done", view=view)

    await command(bot, answer)
    with pytest.raises(NotThere, match="needs the option 'question'"):
        stage.slash(stage.ada, stage.general, "ask")
    with pytest.raises(NotThere, match="has no option 'party'"):
        stage.slash(stage.ada, stage.general, "ask", {"question": "why?", "party": 1})
    stage.slash(stage.ada, stage.general, "ask", {"question": "why?"})
    await stage.until(lambda: stage.messages(stage.general))
    with pytest.raises(NotThere, match="'Stop' is disabled"):
        stage.press(stage.ada, stage.messages(stage.general)[0], "Stop")


async def test_what_is_not_registered_cannot_be_used(bot: Client, stage: Discord) -> None:
    assert bot.is_ready()
    with pytest.raises(NotThere, match="No command 'ask'"):
        stage.slash(stage.ada, stage.general, "ask")
