"""What the pages ask of the brain, each call for the person whose token it carries."""

from typing import Any
from urllib.parse import quote

from shared.errors import NotFound
from shared.http import Download, Refused
from ui.api_client import Door
from ui.conversation import Conversation, Page, Week

PAGE_MESSAGES = 50
PAGE_CONVERSATIONS = 100


class Brain:
    """The brain as one person sees it. Every call raises what `ui.api_client` raises."""

    def __init__(self, door: Door, *, token: str, user_id: str) -> None:
        self._door = door
        self._token = token
        self._user_id = user_id

    def conversations(self, search: str = "") -> Page:
        """Those the person takes part in, the last used first; all, or those with the words."""
        params: dict[str, str | int] = {"limit": PAGE_CONVERSATIONS}
        if search:
            params["q"] = search
        answer = self._door.get("/api/conversations", token=self._token, params=params)
        return Page.model_validate(answer)

    def conversation(
        self, conversation_id: str, *, after: str | None = None, limit: int = PAGE_MESSAGES
    ) -> Conversation | None:
        """Its newest messages, or those older than `after`; None while there is none."""
        params: dict[str, str | int] = {"limit": limit}
        if after is not None:
            params["after"] = after
        try:
            answer = self._door.get(
                self._place(conversation_id),
                token=self._token,
                params=params,
            )
        except Refused as refused:
            if refused.status == NotFound.status:
                return None
            raise
        return Conversation.model_validate(answer)

    def whole(self, conversation_id: str) -> Conversation | None:
        """All of a conversation, however many pages it has."""
        page = self.conversation(conversation_id, limit=500)
        if page is None:
            return None
        messages = page.messages
        while page.next is not None:
            older = self.conversation(conversation_id, after=page.next, limit=500)
            if older is None:
                break
            messages, page = older.messages + messages, older
        return page.model_copy(update={"messages": messages, "next": None})

    def rename(self, conversation_id: str, title: str) -> None:
        """Give it another title."""
        self._door.patch(self._place(conversation_id), token=self._token, json={"title": title})

    def delete(self, conversation_id: str) -> None:
        """Remove it for everybody who takes part."""
        self._door.delete(self._place(conversation_id), token=self._token)

    def week(self) -> Week:
        """Budget and preferences."""
        answer = self._door.get(self._person(), token=self._token)
        return Week.model_validate(answer)

    def prefer(self, wishes: dict[str, Any]) -> None:
        """Keep the fields that are named; None means the default again."""
        self._door.patch(f"{self._person()}/preferences", token=self._token, json=wishes)

    def forget(self) -> dict[str, int]:
        """Forget the person; what was removed, by kind."""
        answer = self._door.delete(self._person(), token=self._token)
        deleted: dict[str, int] = answer["deleted"]
        return deleted

    def models(self) -> list[str]:
        """Names of the models a question may go to."""
        answer = self._door.get("/v1/models", token=self._token)
        rows = [row for row in answer["data"] if row.get("kind") == "chat"]
        return sorted(str(row["id"]) for row in rows if row["id"] != "auto")

    def upload(self, filename: str, data: bytes) -> dict[str, Any]:
        """Keep a file for the next question: `{file_id, filename, media_type, size, …}`."""
        kept: dict[str, Any] = self._door.upload(
            "/api/files", token=self._token, filename=filename, data=data
        )
        return kept

    def file(self, file_id: str) -> Download:
        """The bytes of a file that came with a question or out of an answer."""
        return self._door.download(f"/artifacts/{quote(file_id, safe='')}", token=self._token)

    def vote(self, request_id: str, *, good: bool) -> None:
        """Say what an answer was worth; a second vote replaces the first."""
        verdict = "good" if good else "bad"
        self._door.post(
            "/api/feedback",
            token=self._token,
            json={"request_id": request_id, "verdict": verdict},
        )

    def _place(self, conversation_id: str) -> str:
        return f"/api/conversations/{quote(conversation_id, safe='')}"

    def _person(self) -> str:
        return f"/api/user/{quote(self._user_id, safe='')}"
