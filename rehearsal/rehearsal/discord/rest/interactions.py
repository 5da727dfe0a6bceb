"""Answers to interactions: the callback within three seconds, the rest by webhook for a quarter.

Source: Discord's documentation, "Receiving and Responding", and the resource "Webhook".
"""

from aiohttp import web

from rehearsal.discord.door import answer, nothing, number
from rehearsal.discord.errors import Refused, unknown
from rehearsal.discord.rest.bodies import check_message, read
from rehearsal.discord.rest.messages import apply
from rehearsal.discord.state import State
from rehearsal.discord.world import EPHEMERAL, LOADING, Interaction, Json, Message
from rehearsal.discord.writing import Draft, File, post, remove

_PONG, _MESSAGE, _DEFER, _DEFER_UPDATE, _UPDATE, _CHOICES, _MODAL = 1, 4, 5, 6, 7, 8, 9


class Interactions:
    """`/interactions/{interaction}/{token}/callback` and `/webhooks/{application}/{token}`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        at = "/webhooks/{application}/{token}"
        return [
            web.post("/interactions/{interaction}/{token}/callback", self.callback),
            web.post(at, self.followup),
            web.get(at + "/messages/{message}", self.one),
            web.patch(at + "/messages/{message}", self.edit),
            web.delete(at + "/messages/{message}", self.delete),
        ]

    async def callback(self, request: web.Request) -> web.Response:
        """The first answer: a message, a deferral, an update, choices or a form."""
        state = self._state
        interaction = state.interactions.get(request.match_info["token"])
        if interaction is None or interaction.id != number(request, "interaction"):
            raise unknown("Interaction")
        if interaction.answered is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if state.clock.monotonic() - interaction.made > state.rules.answer_seconds:
            raise unknown("Interaction")
        body, files = await read(request, state)
        given: Json = body.get("data") or {}
        check_message(given if body.get("type") in (_MESSAGE, _UPDATE) else {})
        self._answer(interaction, int(body.get("type") or 0), given, files)
        interaction.answered_at = state.clock.monotonic()
        state.changed()
        if request.query.get("with_response", "").lower() not in ("true", "1"):
            return nothing()
        return answer(self._outcome(interaction))

    def _answer(self, interaction: Interaction, kind: int, given: Json, files: list[File]) -> None:
        match kind:
            case 1 | 6:
                pass
            case 4:
                interaction.original = self._post(interaction, given, files)
            case 5 if interaction.kind == 3 and interaction.message is None:
                raise Refused(400, 50035, "Invalid Form Body")
            case 5:
                flags = int(given.get("flags") or 0) | LOADING
                interaction.original = self._post(interaction, {"flags": flags}, [])
            case 7:
                assert interaction.message is not None
                apply(self._state, interaction.message, given, files)
            case 8:
                interaction.choices = given.get("choices") or []
            case 9:
                interaction.modal = given
            case _:
                raise Refused(400, 50035, "Invalid Form Body")
        interaction.answered = kind
        if kind in (_DEFER_UPDATE, _UPDATE):
            interaction.original = interaction.message

    def _outcome(self, interaction: Interaction) -> Json:
        original = interaction.original
        about: Json = {"id": str(interaction.id), "type": interaction.kind}
        resource: Json = {"type": interaction.answered}
        if original is not None and interaction.answered in (_MESSAGE, _DEFER, _UPDATE):
            about |= {
                "response_message_id": str(original.id),
                "response_message_loading": bool(original.flags & LOADING),
                "response_message_ephemeral": bool(original.flags & EPHEMERAL),
            }
            resource["message"] = self._state.shape(original)
        return {"interaction": about, "resource": resource}

    async def followup(self, request: web.Request) -> web.Response:
        """A further message; right after a deferral it fills the message that waits."""
        state, interaction = self._state, self._open(request)
        body, files = await read(request, state)
        check_message(body)
        if not (body.get("content") or body.get("embeds") or body.get("components") or files):
            raise Refused(400, 50006, "Cannot send an empty message")
        waiting = interaction.original
        if waiting is not None and waiting.flags & LOADING:
            self._fill(waiting, body, files)
            return answer(state.shape(waiting))
        return answer(state.shape(self._post(interaction, body, files)))

    async def one(self, request: web.Request) -> web.Response:
        """The original answer, or a further one."""
        return answer(self._state.shape(self._message(request)))

    async def edit(self, request: web.Request) -> web.Response:
        """Change the original answer, or a further one."""
        message = self._message(request)
        body, files = await read(request, self._state)
        check_message(body)
        self._fill(message, body, files)
        return answer(self._state.shape(message))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete the original answer, or a further one."""
        remove(self._state, self._message(request))
        return nothing()

    def _fill(self, message: Message, body: Json, files: list[File]) -> None:
        apply(self._state, message, body | {"flags": message.flags & ~LOADING}, files)

    def _post(self, interaction: Interaction, body: Json, files: list[File]) -> Message:
        flags = int(body.get("flags") or 0)
        hidden = bool(flags & EPHEMERAL)
        asked = interaction.kind == 2
        invoked: Json = {
            "id": str(interaction.id), "type": interaction.kind,
            "user": {"id": str(interaction.person.id), "username": interaction.person.name,
                     "discriminator": "0", "avatar": None, "global_name": None},
            "authorizing_integration_owners": {},
            "name": interaction.data.get("name", ""),
        }  # fmt: skip
        draft = Draft(
            str(body.get("content") or ""),
            files,
            body.get("embeds") or [],
            body.get("components") or [],
            flags,
            allowed=body.get("allowed_mentions"),
            invoked=invoked,
            seen_by=interaction.person.id if hidden else None,
            type=20 if asked and interaction.answered is None else 0,
        )
        return post(self._state, interaction.channel, self._state.bot, draft)

    def _open(self, request: web.Request) -> Interaction:
        """The interaction of the token, while it is good. Raises `Refused`."""
        state = self._state
        interaction = state.interactions.get(request.match_info["token"])
        if interaction is None or number(request, "application") != state.application:
            raise unknown("Webhook")
        if state.clock.monotonic() - interaction.made > state.rules.token_seconds:
            raise Refused(401, 50027, "Invalid Webhook Token")
        if interaction.answered is None:
            raise unknown("Webhook")
        return interaction

    def _message(self, request: web.Request) -> Message:
        interaction = self._open(request)
        channel = interaction.channel
        if request.match_info["message"] == "@original":
            original = interaction.original
            if original is None or original.id not in channel.messages:
                raise unknown("Message")
            return original
        found = channel.messages.get(number(request, "message"))
        if found is None or found.author is not self._state.bot:
            raise unknown("Message")
        return found
