"""The parts that have to do with files: those that people send and those that answers make."""

from dataclasses import dataclass
from pathlib import Path

import anyio

from brain.artifacts.keeping import FileStore
from brain.artifacts.limits import MEGA, Limits
from brain.artifacts.links import Links
from brain.artifacts.uploads import Uploads
from brain.chat.attachments import Attachments
from brain.chat.linked_files import LinkedFiles
from brain.config import Settings
from shared.background import keep_running
from shared.clock import Clock
from shared.settings import SQLITE
from shared.store import Store

HOUR_SECONDS = 3600.0
SWEEP_SECONDS = 60.0
FILES_A_PERSON = 50
"""So many of the largest size a person may have kept at a time."""


@dataclass(frozen=True)
class Files:
    """What else is built of them."""

    store: FileStore
    uploads: Uploads
    links: Links
    attachments: Attachments
    limits: Limits
    artifact_seconds: float
    upload_seconds: float
    sweep_seconds: float


def open_files(settings: Settings, *, store: Store, clock: Clock) -> Files:
    """Their bytes lie in the folder `files` beside the database file, or in `data`."""
    limits = Limits(max_bytes=max_bytes(settings))
    files = FileStore(
        store,
        folder=_folder(settings.store_url),
        quota_bytes=FILES_A_PERSON * limits.max_bytes,
        clock=clock,
    )
    upload_seconds = settings.upload_cleanup_hours * HOUR_SECONDS
    artifact_seconds = settings.artifact_ttl_hours * HOUR_SECONDS
    uploads = Uploads(files, max_bytes=limits.max_bytes, ttl_seconds=upload_seconds)
    links = Links(
        settings.jwt_secret_key.get_secret_value(),
        public_url=settings.public_url or f"http://127.0.0.1:{settings.brain_port}",
        longest_seconds=artifact_seconds,
        clock=clock,
    )
    return Files(
        store=files,
        uploads=uploads,
        links=links,
        attachments=Attachments(files, uploads, LinkedFiles(settings.discord_api_base)),
        limits=limits,
        artifact_seconds=artifact_seconds,
        upload_seconds=upload_seconds,
        sweep_seconds=min(SWEEP_SECONDS, upload_seconds, artifact_seconds),
    )


def max_bytes(settings: Settings) -> int:
    """`MAX_FILE_SIZE_MB` in bytes."""
    return int(settings.max_file_size_mb * MEGA)


async def keep_swept(files: Files, ready: anyio.Event, clock: Clock) -> None:
    """What has expired goes, from when it is known which files open jobs need (`ready`)."""
    await ready.wait()

    async def sweep() -> None:
        await files.store.sweep()

    await keep_running("files", sweep, every_seconds=files.sweep_seconds, clock=clock)


def _folder(store_url: str) -> Path:
    if store_url.startswith(SQLITE):
        return Path(store_url.removeprefix(SQLITE)).parent / "files"
    return Path("data") / "files"
