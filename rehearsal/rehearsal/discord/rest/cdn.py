"""The CDN: attachments, and a picture for whoever has none."""

from urllib.parse import quote

from aiohttp import web

from rehearsal.discord.state import State


class Cdn:
    """`/cdn/…`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application, outside of the API."""
        return [web.get("/cdn/attachments/{channel}/{file}/{name}", self.attachment)]

    async def attachment(self, request: web.Request) -> web.Response:
        """The bytes of a file; 404 when there is none."""
        text = request.match_info["file"]
        found = self._state.files.get(int(text)) if text.isdecimal() else None
        if found is None or found.filename != request.match_info["name"]:
            raise web.HTTPNotFound(text="This content is no longer available.")
        self._state.fetched.append(found.filename)
        headers = {
            "Content-Type": found.media_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.filename)}",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=found.content, headers=headers)
