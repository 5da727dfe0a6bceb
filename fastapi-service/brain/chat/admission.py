"""
Is this question taken?

The order of the checks is the order in which a person can do something about them: the text, what
comes with it, the gates (maintenance, budget), then the room in the queue. An ask that passes is in
the store.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import structlog

from brain.chat.attachments import Attachments
from brain.chat.identities import Identities, Person, with_prefix
from brain.context.attached import Attached, Attachings
from brain.context.conversation import DISCORD_PREFIX, in_discord, key_of
from brain.context.errors import ConversationForbidden, TooLong
from brain.context.repository import ConversationRepository
from brain.jobs.job import Job, Kind
from brain.jobs.queue import JobQueue, Placed
from brain.people.preferences import PreferenceBook
from brain.routing.routes import ROUTE_NAMES, parse_route
from shared.clock import Clock
from shared.errors import BoundaryError, Forbidden, InvalidRequest
from shared.protocol import MAX_TEXT_BYTES, MAX_TEXT_CHARS, Ask, Surface
from shared.tokens import TokenVerifier
from shared.tracing import request_id_for

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who authenticated at the door."""

    kind: Literal["service", "user"]
    user_id: str = ""
    name: str = ""
    role: Literal["user", "admin"] = "user"

    @property
    def principal(self) -> str:
        """The name sessions and idempotency keys are bound to."""
        return "service" if self.kind == "service" else f"user:{self.user_id}"

    @property
    def is_operator(self) -> bool:
        """Whether operator calls are allowed."""
        return self.kind == "service" or self.role == "admin"


class AccountDisabled(Forbidden):
    """An operator has disabled the account of the person who asks."""

    def __init__(self) -> None:
        super().__init__("Your account is disabled; please talk to the operator.")


class Gate(Protocol):
    """Someone who may refuse a question that is otherwise fine."""

    async def admit(self, job: Job) -> bool:
        """Let `job` in; whether `dismiss` has something to undo. Raises `BoundaryError`."""

    def dismiss(self, job: Job) -> None:
        """`job` was let in and yet not taken."""


class Admission:
    """Turns what a client sent into a job in the queue, or into a refusal."""

    def __init__(
        self,
        queue: JobQueue,
        conversations: ConversationRepository,
        identities: Identities,
        verifier: TokenVerifier,
        preferences: PreferenceBook,
        attachments: Attachments,
        attachings: Attachings,
        *,
        clock: Clock,
        gates: Sequence[Gate],
    ) -> None:
        self._gates = gates
        self._queue = queue
        self._conversations = conversations
        self._identities = identities
        self._verifier = verifier
        self._preferences = preferences
        self._attachments = attachments
        self._attachings = attachings
        self._clock = clock

    async def submit(
        self, ask: Ask, caller: Caller, *, client_id: str, surface: Surface, kind: Kind = "ask"
    ) -> tuple[Job, Placed]:
        """Check `ask` and queue it. Raises what the person should read (`BoundaryError`)."""
        _check_text(ask, kind)
        request_id = request_id_for(caller.principal, client_id, ask.ask_id)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            job = await self.job_for(ask, caller, client_id=client_id, surface=surface, kind=kind)
            if ask.attachments and kind == "ask":
                job, placed = await self._place_with_files(job, ask, caller)
            else:
                placed = await self._place(job)
            log.info(
                "ask.queued",
                kind=kind,
                surface=job.surface,
                position=placed.position,
                repeated=placed.repeated,
            )
        return job, placed

    async def job_for(
        self, ask: Ask, caller: Caller, *, client_id: str, surface: Surface, kind: Kind
    ) -> Job:
        """The job of `ask`, with the person and the conversation it really belongs to."""
        person = await self._person(ask, caller)
        conversation = await self._conversation(ask.conversation_id, caller, person, kind)
        options = ask.options
        if kind == "ask":
            options = (await self._preferences.of(person.user_id)).apply(options)
        return Job(
            request_id=request_id_for(caller.principal, client_id, ask.ask_id),
            ask_id=ask.ask_id,
            principal=caller.principal,
            client_id=client_id,
            user_id=person.user_id,
            user_name=caller.name if caller.kind == "user" else ask.user_name or "",
            conversation=conversation,
            text=ask.text,
            surface=ask.surface or surface,
            asked_at=self._clock.now(),
            order=self._queue.next_order(),
            kind=kind,
            by_admin=person.is_admin,
            options=options,
        )

    async def _place_with_files(self, job: Job, ask: Ask, caller: Caller) -> tuple[Job, Placed]:
        """The files are kept first; those of an ask that was taken before are not kept again."""
        known = await self._queue.known(job.request_id)
        if known is not None:
            waiting = self._queue.find(job.request_id)
            if waiting is not None:
                self._attachments.reopen(waiting.job)
            return job, known
        by_service = caller.kind == "service"
        taken = self._attachments.taken(ask.attachments, job, by_service=by_service)
        async with taken as arrival:
            job = replace(job, files=tuple(arrival.file_ids))
            placed = await self._place(job)
            if not placed.repeated:
                arrival.keep()
        return job, placed

    async def _place(self, job: Job) -> Placed:
        """Past all gates into the queue."""
        passed: list[Gate] = []
        try:
            return await self._refused(job, passed) or await self._queue.put(job)
        finally:
            if self._queue.find(job.request_id) is None:
                for gate in passed:
                    gate.dismiss(job)

    async def _refused(self, job: Job, passed: list[Gate]) -> Placed | None:
        """None when all gates let `job` in; where it is if it was taken at an earlier time."""
        try:
            for gate in self._gates:
                passed += [gate] if await gate.admit(job) else []
        except BoundaryError:
            known = await self._queue.known(job.request_id)
            if known is None:
                raise
            return known
        return None

    async def _person(self, ask: Ask, caller: Caller) -> Person:
        if caller.kind == "user":
            return Person(caller.user_id, is_admin=caller.role == "admin")
        if not ask.user_id:
            raise InvalidRequest("Please correct `user_id`: field required.")
        person = await self._identities.resolve(with_prefix(ask.user_id))
        if person.is_disabled or self._verifier.is_disabled(person.user_id):
            raise AccountDisabled
        return person

    async def _conversation(
        self, conversation_id: str, caller: Caller, person: Person, kind: Kind
    ) -> str:
        key = key_of(conversation_id, user_id=person.user_id)
        if caller.kind == "service":
            key = in_discord(conversation_id)
        if not key.startswith(DISCORD_PREFIX):
            return key
        attached = await self._attachings.at(key)
        if attached is not None:
            return _behind(attached, person, kind)
        if caller.kind == "user":
            conversation = await self._conversations.load(key, entries=1)
            if conversation.is_new:
                raise ConversationForbidden("begin a conversation with a Discord id")
            if kind == "ask" or not person.is_admin:
                conversation.check_reader(person.user_id)
        return key


def _behind(attached: Attached, person: Person, kind: Kind) -> str:
    """What a thread goes on with; a close is about the thread itself."""
    if kind == "close":
        return attached.place
    may_ask = attached.shared or person.user_id == attached.owner
    if not may_ask and (kind == "ask" or not person.is_admin):
        raise ConversationForbidden(
            "ask in this thread: it goes on with somebody's own conversation, which is not open "
            "to others"
        )
    return attached.conversation


def new_ask_id() -> str:
    """An idempotency key for a caller that brought none."""
    return secrets.token_urlsafe(16)


def _check_text(ask: Ask, kind: Kind) -> None:
    if kind == "ask" and not ask.text.strip() and not ask.attachments:
        raise InvalidRequest("Please correct `text`: it is empty.")
    if len(ask.text) > MAX_TEXT_CHARS:
        raise TooLong(length=len(ask.text), limit=MAX_TEXT_CHARS, unit="characters")
    size = len(ask.text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        raise TooLong(length=size, limit=MAX_TEXT_BYTES, unit="bytes")
    if ask.options.route and parse_route(ask.options.route) is None:
        known = ", ".join(ROUTE_NAMES)
        raise InvalidRequest(f"Please correct `options.route`: choose one of {known}.")
