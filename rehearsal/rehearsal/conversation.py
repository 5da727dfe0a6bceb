"""What both doors understand of a request: who said what, which tools there are, which shape."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal import tokens

TOKENS_AROUND_A_MESSAGE = 4
TOKENS_OF_AN_IMAGE = 256

# What the brain puts around a person's words (brain/context/enclosed.py, brain/chat/looking_up.py).
_QUOTATION = re.compile(r"\n<<<([0-9a-f]{8,})\n.*?\n\1>>>", re.DOTALL)
_FILE = re.compile(r"(?m)^The (?:file|picture) “([^”\n]*)” came with this\.[^\n]*")
_FOUND = re.compile(r"\n\nThis was found on the web for it:\n\n(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool the model wants called."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn, whichever protocol brought it."""

    role: str
    text: str
    images: int = 0
    calls: tuple[Call, ...] = ()
    tool_name: str | None = None

    def size(self) -> int:
        """Tokens it takes in the prompt."""
        said = tokens.count(self.text) + sum(tokens.count(str(call)) for call in self.calls)
        return said + self.images * TOKENS_OF_AN_IMAGE + TOKENS_AROUND_A_MESSAGE


@dataclass(frozen=True, slots=True)
class Conversation:
    """
    Everything a model is told.

    `shape` is the JSON schema the answer must follow: None for free text, `{}` for any object.
    """

    messages: tuple[Message, ...]
    tools: tuple[str, ...] = ()
    shape: Mapping[str, Any] | None = None

    @property
    def questions(self) -> list[str]:
        """What the person said, oldest first, without what came with it."""
        return [own_words(said.text) for said in self._asked]

    @property
    def question(self) -> str:
        """The last thing the person said; empty when nobody spoke."""
        return next(reversed(self.questions), "")

    @property
    def images(self) -> int:
        """How many images came with the last question."""
        return self._asked[-1].images if self._asked else 0

    @property
    def files(self) -> list[str]:
        """The names of the files that came with the last question as text."""
        return _FILE.findall(_QUOTATION.sub("", self._asked[-1].text)) if self._asked else []

    @property
    def found(self) -> str:
        """What was found on the web before the model was asked; empty when nobody searched."""
        found = _FOUND.search(self._asked[-1].text) if self._asked else None
        return found[1] if found else ""

    @property
    def _asked(self) -> list[Message]:
        return [said for said in self.messages if said.role == "user"]

    @property
    def tool_results(self) -> list[Message]:
        """What tools answered since the model last spoke."""
        results: list[Message] = []
        for said in reversed(self.messages):
            if said.role != "tool":
                break
            results.append(said)
        return results[::-1]

    def size(self) -> int:
        """Tokens of the whole prompt."""
        return sum(said.size() for said in self.messages)


def own_words(text: str) -> str:
    """What a person wrote, without the files and search results that were put beside it."""
    alone = _FOUND.sub("", _QUOTATION.sub("", text))
    return _FILE.sub("", alone).strip()
