"""
Files that come with a question are kept before its job is (protocol section 3, promise 7).

    bytes, id or address ─▶ file store ─▶ held for this arrival ─▶ job in the queue ─▶ held for it
                                                     └ refused, or asked before ─▶ gone again

An ask may arrive twice at the same moment, so each arrival holds its files under a name of its own
until it is known which of them became the job.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio

from brain.artifacts.errors import DiskFailed
from brain.artifacts.keeping import FileStore, NoSuchFile
from brain.artifacts.uploads import Uploads
from brain.chat.books import Entry
from brain.chat.linked_files import LinkedFiles
from brain.jobs.job import Job
from shared.errors import Forbidden, InvalidRequest, StoreUnavailable
from shared.protocol import Attachment, End, Usage


class AddressRefused(Forbidden):
    """Somebody else than our own services gave an address instead of the file."""

    def __init__(self) -> None:
        super().__init__("Please send the file itself; only our bot may give addresses of files.")


@dataclass(slots=True)
class Arrival:
    """The files of one arrival of an ask; `keep` says that it became the job."""

    name: str
    file_ids: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    """Those of them that were not there before."""
    is_job: bool = False
    may_be_job: bool = False

    def keep(self) -> None:
        """The job that names these files is in the queue."""
        self.is_job = True


class Attachments:
    """Takes files in at the door; as a book of the worker it lets them go when their job ends."""

    def __init__(self, files: FileStore, uploads: Uploads, linked: LinkedFiles) -> None:
        self._files = files
        self._uploads = uploads
        self._linked = linked

    @asynccontextmanager
    async def taken(
        self, attachments: Sequence[Attachment], job: Job, *, by_service: bool
    ) -> AsyncIterator[Arrival]:
        """
        The files for the time it takes to queue `job`, in the order of `attachments`.

        Those that were new are gone afterwards unless it was kept. Raises `FileRefused`,
        `NoSuchFile`, `AddressRefused`, `InvalidRequest`, `StoreUnavailable`.
        """
        arrival = Arrival(f"{job.request_id}:{secrets.token_hex(8)}")
        try:
            for number, attachment in enumerate(attachments):
                await self._take(attachment, number, arrival, job, by_service=by_service)
            yield arrival
        except StoreUnavailable:
            arrival.may_be_job = True  # written although the store failed: its files stay a while
            raise
        finally:
            if arrival.is_job:
                # Without waiting since the job was queued: it cannot have ended before.
                self._files.still_held({job.request_id: arrival.file_ids})
            self._files.release(arrival.name)
            if not (arrival.is_job or arrival.may_be_job):
                # Also when the ask was cancelled. What cannot go now goes with a sweep.
                with anyio.CancelScope(shield=True), suppress(StoreUnavailable, DiskFailed):
                    await self._drop(arrival, job.user_id)

    async def _take(
        self, attachment: Attachment, number: int, arrival: Arrival, job: Job, *, by_service: bool
    ) -> None:
        owner, name = job.user_id, attachment.filename
        match attachment:
            case Attachment(file_id=str() as file_id):
                await self._files.hold(arrival.name, [file_id], owner=None if by_service else owner)
                if file_id not in arrival.file_ids:  # read once, however often it is named
                    arrival.file_ids.append(file_id)
                return
            case Attachment(data_base64=str() as encoded):
                kept = await self._uploads.take_base64(owner, name, encoded)
            case Attachment(url=str() as url):
                if not by_service:
                    raise AddressRefused
                async with self._linked.opened(name, url) as pieces:
                    kept = await self._uploads.take(owner, name, pieces)
            case _:
                raise InvalidRequest(
                    f"Please correct `attachments.{number}`: one of `file_id`, `data_base64` and "
                    "`url` is required."
                )
        arrival.new.append(kept.file_id)
        arrival.file_ids.append(kept.file_id)
        await self._files.hold(arrival.name, [kept.file_id], owner=owner)

    async def _drop(self, arrival: Arrival, owner: str) -> None:
        for file_id in arrival.new:
            try:
                await self._files.remove(file_id, owner=owner)
            except NoSuchFile:
                continue

    # ------------------------------------------------------------------ as a book

    def reopen(self, job: Job) -> None:
        """An earlier brain left this request open: its files stay."""
        self._files.still_held({job.request_id: job.files})

    async def close(self, job: Job, end: End, usage: Usage) -> Entry:
        """From here on its files are like any others."""
        return Entry(end, kept=lambda: self._files.release(job.request_id))
