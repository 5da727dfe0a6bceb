"""The channels of a run and the people who ask there."""

import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

import anyio
import anyio.to_thread
from bench.processes import Stage, free_port
from bench.targets import module

from discordbench.scripted_brain import Play, ScriptedBrain
from rehearsal import playing_discord
from rehearsal.discord import Channel, Discord, DiscordFault, Limit, Limits, Person

LIMIT = Limit(5, 5.0)
CONNECT_SECONDS = 30.0
LATEST_END_SECONDS = 20.0
NEWEST = 30
"""Messages in which an end is looked for; all of a long run would keep the stand-in from its work.
"""

LAG_SECONDS = 0.05
WORDS_PER_SECOND = (3.0, 10.0)
LENGTH_SECONDS = (20.0, 60.0)
TOGETHER_WORDS_PER_SECOND = (2.0, 3.2)
"""These answers fit into one message each. Of long ones that end in the same instant just after
they went on in a new message, each needs two edits, and Discord takes only five."""

PAUSE_SECONDS = (1.0, 4.0)
KINDS = {
    "alone": "one answer at a time",
    "four": "four people, each at their own time",
    "together": "four answers that begin and end together",
}
"""Every fifth channel is of `four`, every tenth of `together`."""


@dataclass
class Place:
    """A channel, who asks there, and what was answered."""

    kind: str
    channel: Channel
    people: list[Person]
    plays: list[Play] = field(default_factory=list)


@dataclass
class Scene:
    """A bot in a process of its own between a stand-in Discord and a scripted brain."""

    discord: Discord
    brain: ScriptedBrain
    places: list[Place]
    rng: Random
    over: bool = False
    lags: list[float] = field(default_factory=list)
    """By how much too late this process itself came to what it had to do, in seconds."""

    async def live(self) -> None:
        """People ask until it is `over`; then until the last answer stands there."""
        async with anyio.create_task_group() as tasks:
            for place in self.places:
                if place.kind == "together":
                    tasks.start_soon(self._ask_together, place)
                else:
                    for person in place.people:
                        tasks.start_soon(self._ask, place, person)

    async def watch_lag(self) -> None:
        """Until cancelled; what this process is late, it measures as lateness of the bot."""
        while True:
            began = monotonic()
            await anyio.sleep(LAG_SECONDS)
            self.lags.append(monotonic() - began - LAG_SECONDS)

    async def _ask(self, place: Place, person: Person) -> None:
        await anyio.sleep(self.rng.uniform(0, 5))
        while not self.over:
            seconds = self.rng.uniform(*LENGTH_SECONDS)
            await self._answered(place, person, seconds, self.rng.uniform(*WORDS_PER_SECOND))
            await anyio.sleep(self.rng.uniform(*PAUSE_SECONDS))

    async def _ask_together(self, place: Place) -> None:
        while not self.over:
            seconds = self.rng.uniform(*LENGTH_SECONDS)
            speed = self.rng.uniform(*TOGETHER_WORDS_PER_SECOND)
            async with anyio.create_task_group() as tasks:
                for person in place.people:
                    tasks.start_soon(self._answered, place, person, seconds, speed)
            await anyio.sleep(self.rng.uniform(*PAUSE_SECONDS))

    async def _answered(self, place: Place, person: Person, seconds: float, speed: float) -> None:
        play = Play(f"q{len(self.brain.plays)}", max(1, round(seconds * speed)), speed)
        self.brain.plays[play.tag] = play
        place.plays.append(play)
        self.discord.say(person, place.channel, f"@{self.discord.bot.name} {play.tag}")
        latest = monotonic() + seconds + LATEST_END_SECONDS
        while monotonic() < latest:
            await anyio.sleep(0.2)
            newest = list(place.channel.messages.values())[-NEWEST:]
            if play.done_at is not None and any(f"end-{play.tag}" in one.content for one in newest):
                return


@asynccontextmanager
async def setting(channels: int, *, round_trip: float, seed: int) -> AsyncIterator[Scene]:
    """Everything running, and nobody asking yet."""
    discord = Discord(limits=Limits(write=LIMIT))
    places = [_place(discord, number) for number in range(channels)]
    for method in ("POST", "PATCH"):
        slow = DiscordFault(
            kind="slow", method=method, path="/messages", seconds=round_trip, times="forever"
        )
        discord.faults.add([slow])
    brain = ScriptedBrain()
    with (
        tempfile.TemporaryDirectory() as folder,
        Stage(Path(folder)) as stage,
    ):
        async with brain.serving() as brain_url, playing_discord(discord, port=0) as root:
            port = free_port()
            environment = {
                "DISCORD_TOKEN": discord.token,
                "DISCORD_API_BASE": f"{root}/api/v10",
                "DISCORD_GATEWAY_URL": f"{root.replace('http', 'ws')}/gateway",
                "DISCORD_PLAIN_CHANNELS": ",".join(f"{one.channel.id}" for one in places),
                "BRAIN_URL": brain_url,
                "AUTH_URL": "http://127.0.0.1:9",
                "SERVICE_TOKEN": secrets.token_urlsafe(32),
                "BOT_HEALTH_PORT": f"{port}",
            }
            live = f"http://127.0.0.1:{port}/health"
            await anyio.to_thread.run_sync(
                lambda: stage.start("bot", module("bot"), live=live, environment=environment)
            )
            await discord.until(lambda: discord.connected, seconds=CONNECT_SECONDS)
            yield Scene(discord, brain, places, Random(seed))
            await anyio.to_thread.run_sync(lambda: stage.stop(stage.running[0]))


def _place(discord: Discord, number: int) -> Place:
    kind = "together" if number % 10 == 0 else "four" if number % 5 == 1 else "alone"
    size = 1 if kind == "alone" else 4
    people = [discord.add_person(f"p{number}-{each}") for each in range(size)]
    if kind == "alone" and number % 2:
        return Place(kind, discord.dm_channel(people[0]), people)
    return Place(kind, discord.add_channel(f"c{number}"), people)
