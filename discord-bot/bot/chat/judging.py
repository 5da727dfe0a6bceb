"""What is done about each message, from what is remembered of its place."""

from collections import OrderedDict
from dataclasses import dataclass, field, replace

import discord

from bot.chat.ask import Decision, Rules, decide
from bot.chat.books import remember
from bot.chat.hearing import facts_of


@dataclass(slots=True)
class Judge:
    """Decides by `rules`; knows the threads we answered in, and who talked last where."""

    rules: Rules
    _decisions: OrderedDict[int, Decision] = field(default_factory=OrderedDict)
    _joined: OrderedDict[int, None] = field(default_factory=OrderedDict)
    _bots_in_a_row: OrderedDict[int, int] = field(default_factory=OrderedDict)

    def would(
        self, message: discord.Message, own: discord.ClientUser, *, without_roles: bool = False
    ) -> Decision:
        """What would be done about it now (`without_roles`: if its author had the right ones)."""
        in_a_row = self._bots_in_a_row.get(message.channel.id, 0)
        facts = facts_of(message, own, joined=self._joined, bots_in_a_row=in_a_row)
        return decide(
            facts, replace(self.rules, roles=frozenset()) if without_roles else self.rules
        )

    def decide(self, message: discord.Message, own: discord.ClientUser) -> Decision:
        """What is done about it; it is the last message of its place from now on."""
        channel_id = message.channel.id
        decision = self.would(message, own)
        remember(self._decisions, channel_id, decision)
        if message.author.bot:
            remember(self._bots_in_a_row, channel_id, self._bots_in_a_row.get(channel_id, 0) + 1)
        else:
            self._bots_in_a_row.pop(channel_id, None)
        return decision

    def join(self, channel_id: int) -> None:
        """We answer there; in a thread no mention is needed any more."""
        remember(self._joined, channel_id, None)

    def last_in(self, channel_id: int) -> Decision | None:
        """What was decided on the last message there."""
        return self._decisions.get(channel_id)
