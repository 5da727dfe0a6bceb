"""
What a turn looks up on the web, and which tools its model gets.

A search that the person asked for is made before the model speaks, and what it found stands behind
the question: so it also works for models that cannot call tools, and none can leave it out.
"""

from collections.abc import Callable, Sequence
from typing import Any

from brain.chat.draft import Draft, LookedUp, Tell, tell_status
from brain.context.window import room_for_prompt
from brain.llm.tokens import Estimates, estimate
from brain.llm.tools.toolbox import LEAST_ROOM, Toolbox, ToolName, Web
from brain.routing.evidence import facts_of
from brain.routing.prompts import read as prompt
from brain.routing.router import SEARCHING
from brain.routing.routes import RouteName
from brain.routing.signals import read
from brain.vram.orchestrator import Orchestrator
from shared.clock import Clock
from shared.protocol import Source, Stage

MAX_ROOM_CHARS = 24_000
"""What all results of a turn may take together; less where the model sees less."""

CHARS_A_TOKEN = 4
"""Of what stands on pages, about."""

SURROUNDINGS_TOKENS = 1000
"""What instructions take of the room for the question."""

WORKS_OUT: frozenset[RouteName] = SEARCHING | {"math"}
"""Routes whose model may use the calculator."""


class LookingUp:
    """Prepares one draft at a time; holds no state between turns."""

    def __init__(self, web: Web, *, vram: Orchestrator, estimates: Estimates, clock: Clock) -> None:
        self._web = web
        self._vram = vram
        self._estimates = estimates
        self._clock = clock

    async def begin(self, draft: Draft, tell: Tell) -> LookedUp | None:
        """The tools of `draft` and what a search found that was asked for; None: neither."""
        job, choice, conversation = draft.job, draft.choice, draft.conversation
        assert choice is not None
        assert conversation is not None
        spec = self._vram.spec(choice.model)
        room = room_for(spec.context_tokens, job.text, ratio=self._estimates.ratio(choice.model))
        names = tools_for(choice.route, web_search=job.options.web_search) if spec.tools else ()
        query = searched_for(job.text, web_search=job.options.web_search)
        if room < LEAST_ROOM or not (names or query):
            return None

        def show(stage: Stage, detail: str | None) -> None:
            draft.paused = True
            tell_status(tell, draft, stage, detail=detail, model=choice.model)

        toolbox = Toolbox(
            self._web,
            question=job.text,
            from_person=[one.text for one in conversation.entries if one.role == "user"],
            show=show,
            clock=self._clock,
            room_chars=room,
        )
        if query is not None:
            await draft.claim.kept.wait()  # nobody outside hears of a question that is not taken
        return LookedUp(
            toolbox,
            toolbox.tools(names),
            [prompt(name) for name in prompts_for(names, searched=query is not None)],
            reserved_tokens=room // CHARS_A_TOKEN if "web_search" in names else 0,
            found="" if query is None else await toolbox.look_up(query),
        )


def tools_for(route: RouteName, *, web_search: bool | None) -> tuple[ToolName, ...]:
    """What the model of a route may use; `web_search` False keeps it off the web (R6)."""
    names: list[ToolName] = []
    if route in SEARCHING and web_search is not False:
        names += ["web_search", "fetch_page"]
    if route in WORKS_OUT:
        names.append("calculator")
    return tuple(names)


def prompts_for(names: Sequence[ToolName], *, searched: bool) -> list[str]:
    """The layers of the system prompt that say how to use tools and how to name sources."""
    layers = []
    if "web_search" in names:
        layers.append("tools")
    if "web_search" in names or searched:
        layers.append("sources")
    if "calculator" in names:
        layers.append("calculator")
    return layers


def room_for(context_tokens: int, question: str, *, ratio: float) -> int:
    """Characters that results may take: a quarter of the context, or what the question leaves."""
    left = room_for_prompt(context_tokens) / ratio - estimate(question) - SURROUNDINGS_TOKENS
    return min(MAX_ROOM_CHARS, context_tokens, int(left * CHARS_A_TOKEN / 2))


def searched_for(text: str, *, web_search: bool | None) -> str | None:
    """What is to be searched for before the model speaks: what the person said to search for."""
    if web_search is False:
        return None
    reading = read(text)
    if web_search or (reading is not None and "search" in reading.signs):
        return query_of(text)
    return None


def query_of(text: str) -> str:
    """`text` without "please search for" and its like in front."""
    facts = facts_of(text)
    if len(facts.text) != len(text):
        return text  # its spelling changed on the way, so places in it mean nothing
    end = 0
    for start, stop in sorted([*facts.hits.get("please", ()), *facts.hits.get("search", ())]):
        if any(char.isalnum() for char in text[end:start]):
            break
        end = max(end, stop)
    return text[end:].strip(" \t\n,:;.!?…–-") or text


def framed(draft: Draft) -> str:
    """The question as the model gets it, with what was found for it."""
    if draft.looked_up is None or not draft.looked_up.found:
        return draft.job.text
    return f"{draft.job.text}\n\nThis was found on the web for it:\n\n{draft.looked_up.found}"


def instructed(draft: Draft, system: str) -> str:
    """The system prompt with the layers that the tools of `draft` need."""
    return "\n\n".join((system, *(draft.looked_up.layers if draft.looked_up else ())))


def reserved(draft: Draft) -> int:
    """Tokens of the context that are kept free for what tools find."""
    return draft.looked_up.reserved_tokens if draft.looked_up else 0


def tools_of(draft: Draft) -> Sequence[Callable[..., Any]]:
    """What the model may call."""
    return draft.looked_up.tools if draft.looked_up else ()


def used_tools(draft: Draft) -> bool:
    """Whether the model called one, so that its prompt was counted more than once."""
    return draft.looked_up is not None and draft.looked_up.toolbox.used


def sources_of(draft: Draft) -> list[Source]:
    """The pages the model was given, numbered by their place as the text cites them: [1] first."""
    if draft.looked_up is None:
        return []
    return [Source(title=one.title, url=one.url) for one in draft.looked_up.toolbox.sources]
