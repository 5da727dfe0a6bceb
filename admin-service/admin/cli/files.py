"""Files to the brain and back: what comes with a question, what comes out of an answer."""

from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import anyio.to_thread

from admin.cli.calls import reach
from admin.cli.running import signed_in
from admin.cli.words import printable
from admin.config import Settings
from shared.http import Download, Peer
from shared.protocol import Attachment, SavedFile

TRANSFER_SECONDS = 300.0
NAMELESS = "file"


async def upload(settings: Settings, path: Path, *, say: Callable[[str], None]) -> Attachment:
    """Bring the file at `path` to the brain. Raises as `call_signed_in` does, and `OSError`."""
    say(f"sending {path.name}")

    async def ask(token: str) -> Attachment:
        with path.open("rb") as file:

            async def send(peer: Peer) -> Attachment:
                kept = await peer.upload("/api/files", filename=path.name, file=file)
                return Attachment(
                    filename=kept["filename"],
                    content_type=kept["media_type"],
                    size=kept["size"],
                    file_id=kept["file_id"],
                )

            address = settings.brain_address
            return await reach(address, send, token=token, seconds=TRANSFER_SECONDS)

    return await signed_in(settings, ask)


async def fetch(settings: Settings, artifact_id: str) -> Download:
    """A file of an answer. Raises as `call_signed_in` does."""
    path = f"/artifacts/{quote(artifact_id, safe='')}"

    async def ask(token: str) -> Download:
        return await reach(
            settings.brain_address,
            lambda peer: peer.download(path),
            token=token,
            seconds=TRANSFER_SECONDS,
        )

    return await signed_in(settings, ask)


async def save_all(
    settings: Settings, files: Iterable[SavedFile], folder: Path, *, say: Callable[[str], None]
) -> None:
    """Put `files` into `folder` under their names; none that is there is written over."""
    for file in files:
        fetched = await fetch(settings, file.artifact_id)
        place = await anyio.to_thread.run_sync(_save, folder, fetched)
        say(f"saved {place}")


def free_place(folder: Path, filename: str) -> Path:
    """Where a file of this name can be put: "notes.txt", or "notes_2.txt" where that is taken."""
    name = Path(printable(filename).replace("\\", "/")).name or NAMELESS
    place, number = folder / name, 2
    while place.exists():
        place, number = folder / f"{Path(name).stem}_{number}{Path(name).suffix}", number + 1
    return place


def _save(folder: Path, fetched: Download) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    place = free_place(folder, fetched.filename)
    place.write_bytes(fetched.data)
    return place
