"""A question as it is kept in the store."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from shared.protocol import AskOptions, Surface

Kind = Literal["ask", "reset", "summarize", "close", "completion"]


@dataclass(frozen=True, slots=True)
class Job:
    """
    Everything needed to answer later, by whichever brain is alive then.

    `principal` is who authenticated ("service" or "user:<id>"), `client_id` the connection that
    hears the frames (empty for plain HTTP), `user_id` the person who asks. `conversation` is the
    store's key of the conversation. `order` rises with every job of a store: it is the place in
    the queue and in the conversation. `by_admin` says that an
    admin asks. `files` are the ids of what came with the question.
    """

    request_id: str
    ask_id: str
    principal: str
    client_id: str
    user_id: str
    user_name: str
    conversation: str
    text: str
    surface: Surface
    asked_at: float
    order: int
    kind: Kind = "ask"
    by_admin: bool = False
    files: tuple[str, ...] = ()
    options: AskOptions = field(default_factory=AskOptions)

    def to_item(self) -> dict[str, Any]:
        """As a JSON object for the store."""
        fields = asdict(self)
        fields["options"] = self.options.model_dump(exclude_none=True)
        fields["files"] = list(self.files)
        return fields

    @staticmethod
    def from_item(item: Mapping[str, Any]) -> "Job":
        """The job in a stored object, whatever else that object holds."""
        fields = {name: item[name] for name in Job.__slots__ if name in item}
        fields["options"] = AskOptions.model_validate(item.get("options") or {})
        fields["files"] = tuple(item.get("files") or ())
        return Job(**fields)
