"""Which words a model answers with: the script's, the ones computed here, or the honest default."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.conversation import Call, Conversation
from rehearsal.schemas import json_for
from rehearsal.script import Script, ScriptedModel, ScriptedReply
from rehearsal.sums import solve_arithmetic, solve_quadratic

SIGN = "_Rehearsal model: scripted answer, no real model was asked._"
"""Under every answer, so that nobody takes one for a model's."""

ECHO_CHARACTERS = 80
QUOTED_LINES, QUOTED_CHARACTERS = 6, 300
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model says this time: thinking, then text, then tool calls; each may be empty."""

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()


def choose_reply(
    script: Script, model: ScriptedModel, conversation: Conversation, *, thinks: bool
) -> Reply:
    """The reply of `model`; `thinks` says whether its thinking is wanted."""
    scripted = _scripted(script, model, conversation.question)
    thinking = model.thinking
    if scripted is not None and scripted.thinking is not None:
        thinking = scripted.thinking
    thinking = thinking if thinks else ""
    if conversation.shape is not None:
        return Reply(text=json_for(conversation.shape, conversation.question), thinking=thinking)
    calls = _calls(scripted, conversation)
    if calls:
        return Reply(thinking=thinking, calls=calls)
    text = _text(script, scripted, model, conversation)
    return Reply(text=f"{text.strip()}\n\n{SIGN}", thinking=thinking)


def babbled(text: str) -> str:
    """What a model says that was asked for JSON and lost the thread: never valid JSON."""
    return f"Sure! Here is the JSON you asked for: {text[: max(len(text) // 2, 1)]}"


def _scripted(script: Script, model: ScriptedModel, question: str) -> ScriptedReply | None:
    for reply in script.replies:
        if reply.model in (None, model.name) and reply.pattern.search(question):
            return reply
    return None


def _calls(scripted: ScriptedReply | None, conversation: Conversation) -> tuple[Call, ...]:
    if conversation.tool_results:
        return ()
    if scripted is not None:
        wanted = tuple(Call(call.name, call.arguments) for call in scripted.calls)
        return wanted if all(call.name in conversation.tools for call in wanted) else ()
    return tuple(
        Call(tool, arguments)
        for tool, arguments in _tools_to_call(conversation)
        if tool in conversation.tools
    )


def _tools_to_call(conversation: Conversation) -> list[tuple[str, Mapping[str, Any]]]:
    """The tools of the product a question plainly asks for."""
    question = conversation.question
    if conversation.found:  # it has been searched for already
        return []
    if address := re.search(r"https?://\S+[^\s.,;:!?)]", question):
        return [("fetch_page", {"url": address.group()})]
    wish = re.search(r"\bsearch (?:the web )?(?:for )?(.{2,200})", question, re.IGNORECASE)
    return [("web_search", {"query": wish[1].strip()})] if wish else []


def _text(
    script: Script,
    scripted: ScriptedReply | None,
    model: ScriptedModel,
    conversation: Conversation,
) -> str:
    if scripted is not None:
        return _filled(scripted.text, model, conversation)
    for computed in _COMPUTED:
        text = computed(conversation)
        if text is not None:
            return text
    return _filled(script.default_reply, model, conversation)


def _filled(text: str, model: ScriptedModel, conversation: Conversation) -> str:
    """`text` with what it may hold in braces; other braces (code!) stay as they are."""
    for name, value in (
        ("{model}", model.name),
        ("{images}", _came_with_it(conversation)),
        ("{tool_result}", "\n".join(said.text for said in conversation.tool_results)),
        ("{question}", _shortened(conversation.question)),
    ):
        text = text.replace(name, value)
    return text


def _came_with_it(conversation: Conversation) -> str:
    """Shows that files and pictures arrived; pictures are counted, never looked at."""
    images = conversation.images
    came = [_shortened(name) for name in conversation.files]
    came += [f"{images} image{'s' if images > 1 else ''}"] if images else []
    return f" {' and '.join(came)} came with it." if came else ""


def _shortened(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= ECHO_CHARACTERS else f"{line[:ECHO_CHARACTERS]}…"


def _after_tools(conversation: Conversation) -> str | None:
    """What the tools brought, so that a person sees they were really called."""
    results = conversation.tool_results
    if not results:
        if not conversation.found:
            return None
        return f"The web was searched first, and this came back:\n\n{_quote(conversation.found)}"
    lines = [f"* `{said.tool_name or 'tool'}`: {_shortened(said.text)}" for said in results]
    return "\n".join(["The tools were called and answered:", "", *lines])


def _quote(found: str) -> str:
    lines = [line for line in found.splitlines() if line.strip() and "<<<" not in line]
    return "\n".join(f"> {line[:QUOTED_CHARACTERS]}" for line in lines[:QUOTED_LINES])


def _remember(conversation: Conversation) -> str | None:
    """Shows that the history arrived."""
    question = conversation.question
    asked = re.search(
        r"\bwhat\b.*\bI\b.*\b(ask|say|said|asked)\b"
        r"|\bmy (first|last|previous) (question|message)\b",
        question,
        re.IGNORECASE,
    )
    if not asked:
        return None
    before = conversation.questions[:-1]
    if not before:
        return "Nothing yet: this is the first message of this conversation that reached me."
    lines = [f"{number}. {_shortened(text)}" for number, text in enumerate(before, 1)]
    return "\n".join(["Before this you wrote:", "", *lines])


def _count(conversation: Conversation) -> str | None:
    """A long answer on demand, to watch streaming, stopping and splitting."""
    wish = re.search(r"\bcount (?:up )?to (\d{1,6})\b", conversation.question, re.IGNORECASE)
    if not wish:
        return None
    return " ".join(str(number) for number in range(1, min(int(wish[1]), MOST_COUNTED) + 1))


def _sum(conversation: Conversation) -> str | None:
    return solve_quadratic(conversation.question) or solve_arithmetic(conversation.question)


_COMPUTED: tuple[Callable[[Conversation], str | None], ...] = (
    _after_tools, _remember, _count, _sum,
)  # fmt: skip
