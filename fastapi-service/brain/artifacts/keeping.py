"""
Files on disk with their rows in the store: uploads, and what answers handed over.

    put:   bytes → <id>.part → <id> (0600) → row        a row always has its bytes
    sweep: row gone or expired, and no job holds it → row, then bytes

pk              sk          what
<file id>       -           owner, filename, media_type, size, made_at, expires_at, version
of#<owner>      <file id>   size, expires_at: what counts for the quota, and "forget me"

One brain works on a store, so who holds a file is kept in memory and told again after a start, from
the jobs that are open.
"""

import os
import re
import secrets
from collections import defaultdict
from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
import structlog
from anyio.to_thread import run_sync

from brain.artifacts.errors import DiskFailed, FileTooLarge
from brain.artifacts.limits import megabytes
from shared.clock import Clock
from shared.errors import NotFound
from shared.store import Delete, Key, Put, Store

log = structlog.get_logger(__name__)
TABLE = "files"
FILE_ID = re.compile(r"[0-9a-f]{32}")
PART = ".part"
UNFINISHED_SECONDS = 3600.0
"""An upload that takes longer has broken off."""

BACKSTOP_SECONDS = 30 * 24 * 3600.0
"""The store removes rows this long after their hour, should a sweep never come."""

PAGE = 200
MAX_FILES = 500
"""Of one person: each also costs rows, and a look at every sweep, however small it is."""


class NoSuchFile(NotFound):
    """It never was, has expired, or belongs to somebody else: which of them is not said."""

    def __init__(self) -> None:
        super().__init__("This file does not exist (any more); please send it or ask for it again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file that is kept. `expires_at`: seconds since 1970; `version` counts from 1."""

    file_id: str
    owner: str
    filename: str
    media_type: str
    size: int
    made_at: float
    expires_at: float
    version: int = 1


class FileStore:
    """
    All files of all people below one folder.

    Raises `StoreUnavailable` as the store does, and `DiskFailed` where the disk is full or broken.
    """

    def __init__(self, store: Store, *, folder: Path, quota_bytes: int, clock: Clock) -> None:
        """`quota_bytes`: what one person's files may take together."""
        self._store = store
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._clock = clock
        self._holds: defaultdict[str, set[str]] = defaultdict(set)
        """File id → the requests that still need it."""

        self._leaving: set[str] = set()
        self._arriving: defaultdict[str, int] = defaultdict(int)
        """Owner → bytes on their way in, which no row counts yet."""

        self._parts: set[str] = set()
        """Names of what is on its way in, however long it takes."""

    # ------------------------------------------------------------------ in

    async def put(
        self,
        owner: str,
        filename: str,
        media_type: str,
        data: bytes,
        *,
        ttl_seconds: float,
        version: int = 1,
    ) -> Kept:
        """Keep `data` for `owner`. Raises `FileTooLarge` where the quota would be passed."""

        async def whole() -> AsyncIterator[bytes]:
            yield data

        async with self.received(whole(), owner=owner, filename=filename, limit=len(data)) as part:
            return await part.keep(media_type, ttl_seconds=ttl_seconds, version=version)

    @asynccontextmanager
    async def received(
        self, pieces: AsyncIterable[bytes], *, owner: str, filename: str, limit: int
    ) -> AsyncIterator["Part"]:
        """
        The bytes of a stream on disk, not kept yet; gone at the end unless `Part.keep` was called.

        Raises `FileTooLarge` above `limit` bytes or the quota, before more of it is read.
        """
        file_id = secrets.token_hex(16)
        part = Part(self, file_id, owner, filename, self._folder / f"{file_id}{PART}")
        room = self._quota_bytes - await self._taken(owner)
        self._parts.add(part.path.name)
        try:
            with _disk():
                await run_sync(self._make_folder)
                async with await anyio.open_file(part.path, "xb", opener=_private) as file:
                    async for piece in pieces:
                        part.size += len(piece)
                        self._arriving[owner] += len(piece)
                        self._check(part, limit=limit, room=room)
                        await file.write(piece)
                    await file.flush()
                    await run_sync(os.fsync, file.wrapped.fileno())
            yield part
        finally:
            self._parts.discard(part.path.name)
            self._arriving[owner] -= part.size
            if not self._arriving[owner]:
                del self._arriving[owner]
            # Without waiting: this also runs when the request was cancelled.
            with suppress(OSError):
                part.path.unlink()

    def _check(self, part: "Part", *, limit: int, room: int) -> None:
        if part.size > limit:
            raise FileTooLarge(
                part.filename,
                f"is too large: at most {megabytes(limit)} can be sent. "
                "Please send a smaller file or a part of it.",
            )
        if self._arriving[part.owner] > room:
            raise self._no_room(part.filename)

    def _no_room(self, filename: str) -> FileTooLarge:
        return FileTooLarge(
            filename,
            f"does not fit: {MAX_FILES} files of {megabytes(self._quota_bytes)} together are kept "
            "until the first of them expire. Please try again later or send a smaller file.",
        )

    async def _taken(self, owner: str) -> int:
        """Bytes of the quota; all of them where there are `MAX_FILES`."""
        now = self._clock.now()
        rows = await self._store.query(TABLE, f"of#{owner}")
        sizes = [
            row.item["size"]
            for row in rows
            if row.item["expires_at"] > now or row.sk in self._holds
        ]
        return sum(sizes) if len(sizes) < MAX_FILES else self._quota_bytes

    async def keep(self, part: "Part", kept: Kept) -> None:
        """The bytes get their final name, then their rows. Raises `FileTooLarge` (quota)."""
        # Counted before the store is asked: of two that arrive together, one sees the other.
        arriving = self._arriving[kept.owner]
        if await self._taken(kept.owner) + arriving > self._quota_bytes:
            raise self._no_room(kept.filename)
        with _disk():
            await run_sync(part.path.rename, self._folder / kept.file_id)
        backstop = kept.expires_at + BACKSTOP_SECONDS
        row = asdict(kept)
        del row["file_id"]
        counted = {"size": kept.size, "expires_at": kept.expires_at}
        await self._store.write(
            Put(Key(TABLE, kept.file_id), row, expires_at=backstop),
            Put(Key(TABLE, f"of#{kept.owner}", kept.file_id), counted, expires_at=backstop),
        )
        log.info("file.kept", bytes=kept.size, media_type=kept.media_type)

    def new(self, part: "Part", media_type: str, *, ttl_seconds: float, version: int) -> Kept:
        """What `part` will be once it is kept."""
        now = self._clock.now()
        return Kept(
            file_id=part.file_id,
            owner=part.owner,
            filename=part.filename,
            media_type=media_type,
            size=part.size,
            made_at=now,
            expires_at=now + ttl_seconds,
            version=version,
        )

    # ------------------------------------------------------------------ out

    async def find(self, file_id: str, *, owner: str | None) -> Kept:
        """
        What is known of a file; `owner` None: for somebody who may see all, or has a signed link.

        Raises `NoSuchFile`, also when it is somebody else's.
        """
        kept = await self._row(file_id)
        if kept is None or not self._is_alive(kept) or owner not in (None, kept.owner):
            raise NoSuchFile
        return kept

    def path(self, kept: Kept) -> Path:
        """Where its bytes are, for whoever streams them."""
        return self._folder / kept.file_id

    async def read(self, kept: Kept) -> bytes:
        """Its bytes. Raises `NoSuchFile` when they are gone."""
        with _disk():
            try:
                return await run_sync(self.path(kept).read_bytes)
            except FileNotFoundError as gone:
                raise NoSuchFile from gone

    # ------------------------------------------------------------------ held by jobs

    async def hold(
        self, request_id: str, file_ids: Collection[str], *, owner: str | None
    ) -> list[Kept]:
        """
        These files stay until `release(request_id)`; all of them or none.

        Raises `NoSuchFile` when one is not there (any more) for `owner`.
        """
        held_before = {one for one in file_ids if one in self._holds}
        fresh = [one for one in file_ids if request_id not in self._holds.get(one, ())]
        for file_id in fresh:
            self._holds[file_id].add(request_id)
        try:
            return [
                await self._held(file_id, owner, held_before=file_id in held_before)
                for file_id in file_ids
            ]
        except BaseException:
            self._let_go(request_id, fresh)
            raise

    async def _held(self, file_id: str, owner: str | None, *, held_before: bool) -> Kept:
        if file_id in self._leaving:
            raise NoSuchFile
        kept = await self._row(file_id)
        if kept is None or owner not in (None, kept.owner):
            raise NoSuchFile
        if kept.expires_at <= self._clock.now() and not held_before:
            raise NoSuchFile
        return kept

    def release(self, request_id: str) -> None:
        """The request has ended; fine to repeat. What has expired meanwhile goes with a sweep."""
        self._let_go(request_id, [one for one, held in self._holds.items() if request_id in held])

    def _let_go(self, request_id: str, file_ids: Collection[str]) -> None:
        for file_id in file_ids:
            self._holds[file_id].discard(request_id)
            if not self._holds[file_id]:
                del self._holds[file_id]

    def still_held(self, needed: Mapping[str, Collection[str]]) -> None:
        """After a start, before the first sweep: request id → file ids, of all open jobs."""
        for request_id, file_ids in needed.items():
            for file_id in file_ids:
                self._holds[file_id].add(request_id)

    # ------------------------------------------------------------------ away

    async def sweep(self) -> int:
        """Remove what has expired and bytes without a row; how many files went."""
        gone = 0
        for name in await run_sync(self._names):
            with suppress(DiskFailed):  # it was logged, and what comes after it is to go
                gone += await self._sweep(name)
        if gone:
            log.info("files.swept", files=gone)
        return gone

    async def _sweep(self, name: str) -> bool:
        if name.endswith(PART):
            return name not in self._parts and await run_sync(self._remove_if_old, name)
        if not FILE_ID.fullmatch(name):
            return False  # not ours
        kept = await self._row(name)
        if kept is not None and self._is_alive(kept):
            return False
        if kept is None:
            # Its row may be on its way: bytes come first.
            return await run_sync(self._remove_if_old, name)
        return await self._remove(kept)

    async def remove(self, file_id: str, *, owner: str) -> None:
        """Its owner wants it gone, now. Raises `NoSuchFile`."""
        await self._remove(await self.find(file_id, owner=owner))

    async def forget(self, owner: str) -> int:
        """Remove all files of a person; how many there were. Held ones too: their jobs are over."""
        count = 0
        while rows := await self._store.query(TABLE, f"of#{owner}", limit=PAGE):
            for row in rows:
                kept = await self._row(row.sk)
                if kept is None:
                    await self._store.write(Delete(Key(TABLE, f"of#{owner}", row.sk)))
                else:
                    count += await self._remove(kept, although_held=True)
        return count

    async def _remove(self, kept: Kept, *, although_held: bool = False) -> bool:
        file_id = kept.file_id
        if file_id in self._holds and not although_held:
            return False
        self._leaving.add(file_id)
        try:
            await self._store.write(
                Delete(Key(TABLE, file_id)), Delete(Key(TABLE, f"of#{kept.owner}", file_id))
            )
            with _disk():
                await run_sync(lambda: (self._folder / file_id).unlink(missing_ok=True))
        finally:
            self._leaving.discard(file_id)
        return True

    # ------------------------------------------------------------------ below

    def _is_alive(self, kept: Kept) -> bool:
        return kept.expires_at > self._clock.now() or kept.file_id in self._holds

    async def _row(self, file_id: str) -> Kept | None:
        if not FILE_ID.fullmatch(file_id):
            return None
        row = await self._store.get(Key(TABLE, file_id))
        return None if row is None else Kept(file_id=file_id, **row)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _names(self) -> list[str]:
        return sorted(one.name for one in self._folder.iterdir()) if self._folder.is_dir() else []

    def _remove_if_old(self, name: str) -> bool:
        path = self._folder / name
        with _disk(), suppress(FileNotFoundError, IsADirectoryError):
            if self._clock.now() - path.stat().st_mtime >= UNFINISHED_SECONDS:
                path.unlink()
                return True
        return False


@dataclass(slots=True)
class Part:
    """A file that has arrived and is not kept yet."""

    _files: FileStore
    file_id: str
    owner: str
    filename: str
    path: Path
    size: int = 0

    async def head(self, count: int) -> bytes:
        """Its first `count` bytes."""
        with _disk():
            async with await anyio.open_file(self.path, "rb") as file:
                return await file.read(count)

    async def keep(self, media_type: str, *, ttl_seconds: float, version: int = 1) -> Kept:
        """From here on it is a file of its owner."""
        kept = self._files.new(self, media_type, ttl_seconds=ttl_seconds, version=version)
        await self._files.keep(self, kept)
        return kept


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def _disk() -> Iterator[None]:
    """What the disk says, in words for people."""
    try:
        yield
    except OSError as failure:
        log.warning("files.disk_failed", errno=failure.errno)
        raise DiskFailed(failure) from failure
