"""The bot itself, guilds, members, people, and the application's commands."""

from typing import Any

import orjson
from aiohttp import web

from rehearsal.discord import shapes
from rehearsal.discord.door import answer, number
from rehearsal.discord.errors import Refused, invalid, unknown
from rehearsal.discord.rest.bodies import read
from rehearsal.discord.state import State
from rehearsal.discord.world import Json


class Guilds:
    """Everything the bot looks up, and its list of commands."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        commands = "/applications/{application}/commands"
        of_guild = "/applications/{application}/guilds/{guild}/commands"
        return [
            web.get("/gateway", self.gateway),
            web.get("/gateway/bot", self.gateway),
            web.get("/users/@me", self.me),
            web.get("/users/@me/guilds", self.my_guilds),
            web.post("/users/@me/channels", self.open_dm),
            web.get("/users/{user}", self.user),
            web.get("/oauth2/applications/@me", self.application),
            web.get("/applications/@me", self.application),
            web.get("/guilds/{guild}", self.guild),
            web.get("/guilds/{guild}/channels", self.channels),
            web.get("/guilds/{guild}/roles", self.roles),
            web.get("/guilds/{guild}/members", self.members),
            web.get("/guilds/{guild}/members/{user}", self.member),
            web.get(commands, self.commands),
            web.put(commands, self.set_commands),
            web.get(of_guild, self.commands),
            web.put(of_guild, self.set_commands),
        ]

    async def gateway(self, request: web.Request) -> web.Response:
        """Where the gateway is."""
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        url = f"ws://{request.host}/gateway"
        return answer({"url": url, "shards": 1, "session_start_limit": limit})

    async def me(self, _: web.Request) -> web.Response:
        """The bot's own user."""
        own = {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}
        return answer(shapes.user(self._state.bot) | own)

    async def application(self, _: web.Request) -> web.Response:
        """The application; its flags allow the intents that are allowed."""
        owner = next((each for each in self._state.people.values() if not each.bot), None)
        return answer(
            {
                "id": str(self._state.application), "name": self._state.bot.name, "icon": None,
                "description": "", "bot_public": True, "bot_require_code_grant": False,
                "verify_key": "0" * 64, "team": None, "rpc_origins": None, "summary": "",
                "owner": shapes.user(owner or self._state.bot), "flags": 1 << 19 | 1 << 15,
                "approximate_guild_count": len(self._state.guilds), "redirect_uris": [],
                "interactions_endpoint_url": None, "tags": [], "integration_types_config": {},
                "approximate_user_install_count": 0,
                "role_connections_verification_url": None,
            }
        )  # fmt: skip

    async def my_guilds(self, _: web.Request) -> web.Response:
        """The guilds the bot is in."""
        return answer(
            [
                {"id": str(each.id), "name": each.name, "icon": None, "owner": False,
                 "permissions": "0", "features": []}
                for each in self._state.own_guilds()
            ]
        )  # fmt: skip

    async def open_dm(self, request: web.Request) -> web.Response:
        """The DM channel with a person."""
        body, _ = await read(request, self._state)
        person = self._state.person(int(body.get("recipient_id") or 0))
        if person.bot:
            raise Refused(403, 50007, "Cannot send messages to this user")
        return answer(shapes.channel(self._state.dm_with(person), bot=self._state.bot.id))

    async def user(self, request: web.Request) -> web.Response:
        """A user."""
        return answer(shapes.user(self._state.person(number(request, "user"))))

    async def guild(self, request: web.Request) -> web.Response:
        """A guild."""
        guild = self._state.guild(number(request, "guild"))
        count = len(guild.members)
        counts = {"approximate_member_count": count, "approximate_presence_count": count}
        return answer(shapes.guild(guild) | counts)

    async def channels(self, request: web.Request) -> web.Response:
        """The channels of a guild, without threads."""
        guild = self._state.guild(number(request, "guild"))
        found = [each for each in self._state.channels_of(guild) if each.thread is None]
        return answer([shapes.channel(each, bot=self._state.bot.id) for each in found])

    async def roles(self, request: web.Request) -> web.Response:
        """The roles of a guild."""
        return answer(shapes.guild(self._state.guild(number(request, "guild")))["roles"])

    async def members(self, request: web.Request) -> web.Response:
        """The members of a guild."""
        guild = self._state.guild(number(request, "guild"))
        limit = int(request.query.get("limit", "1"))
        return answer([shapes.member(each) for each in list(guild.members.values())[:limit]])

    async def member(self, request: web.Request) -> web.Response:
        """A member of a guild."""
        guild = self._state.guild(number(request, "guild"))
        found = guild.members.get(number(request, "user"))
        if found is None:
            raise unknown("Member")
        return answer(shapes.member(found))

    async def commands(self, request: web.Request) -> web.Response:
        """The commands, global or of a guild."""
        return answer(self._state.commands.get(self._where(request), []))

    async def set_commands(self, request: web.Request) -> web.Response:
        """Replace all commands, global or of a guild."""
        where = self._where(request)
        given: Any = orjson.loads(await request.read())
        if not isinstance(given, list):
            raise invalid("_", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        old = {each["name"]: each["id"] for each in self._state.commands.get(where, [])}
        made = [self._command(each, where, old) for each in given]
        if len({(each["type"], each["name"]) for each in made}) < len(made):
            raise invalid(
                "_", "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique",
            )  # fmt: skip
        self._state.commands[where] = made
        self._state.changed()
        return answer(made)

    def _where(self, request: web.Request) -> int | None:
        if number(request, "application") != self._state.application:
            raise Refused(403, 20012, "You are not authorized to perform this action")
        if "guild" not in request.match_info:
            return None
        return self._state.guild(number(request, "guild")).id

    def _command(self, given: Json, where: int | None, old: dict[str, str]) -> Json:
        name = str(given.get("name", ""))
        description = str(given.get("description", ""))
        kind = int(given.get("type") or 1)
        if not 1 <= len(name) <= 32 or (kind == 1 and name != name.lower()):
            raise invalid("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        if kind == 1 and not 1 <= len(description) <= 100:
            length = "Must be between 1 and 100 in length."
            raise invalid("description", "BASE_TYPE_BAD_LENGTH", length)
        own: Json = {
            "id": old.get(name) or str(self._state.new_id()),
            "application_id": str(self._state.application), "version": str(self._state.new_id()),
            "type": kind, "name": name, "description": description,
        }  # fmt: skip
        if where is not None:
            own["guild_id"] = str(where)
        defaults: Json = {
            "default_member_permissions": None, "dm_permission": True, "nsfw": False,
            "options": [], "integration_types": [0], "contexts": None,
            "name_localizations": None, "description_localizations": None,
        }  # fmt: skip
        return defaults | given | own
