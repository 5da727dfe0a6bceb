"""A stand-in Discord: REST, gateway and CDN for one bot, and people to talk to it."""

from rehearsal.discord.acting import NotThere
from rehearsal.discord.faults import DiscordFault
from rehearsal.discord.limits import Limit, Limits
from rehearsal.discord.stage import Discord
from rehearsal.discord.state import Call, Rules
from rehearsal.discord.world import Channel, Interaction, Kind, May, Message, Person
from rehearsal.discord.writing import File

__all__ = [
    "Call",
    "Channel",
    "Discord",
    "DiscordFault",
    "File",
    "Interaction",
    "Kind",
    "Limit",
    "Limits",
    "May",
    "Message",
    "NotThere",
    "Person",
    "Rules",
]
