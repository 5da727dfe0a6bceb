"""Files in by upload, files out by download."""

from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse

from brain.api.deps import TheBrain, TheCaller, caller_of
from brain.api.multipart import SentFile
from brain.api.visiting import person_named
from brain.artifacts.errors import DiskFailed, FileTooLarge
from brain.artifacts.keeping import Kept, NoSuchFile
from brain.chat.admission import Caller
from brain.wiring import Brain
from shared.clock import iso
from shared.errors import Forbidden

router = APIRouter(tags=["files"])
SERVICE = "service"
"""Owns what our own services send without saying for whom."""

HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
}
"""A model wrote the file: no browser is to run it as a page of ours or to pass its link on."""


class NotForOthers(Forbidden):
    """A person said for whom the file is, and it was not for them."""

    def __init__(self) -> None:
        super().__init__("Please leave out `user_id`: you can only send files of your own.")


@router.post("/api/files", status_code=201)
async def upload(
    request: Request,
    caller: TheCaller,
    brain: TheBrain,
    user_id: Annotated[str | None, Query(max_length=128)] = None,
) -> dict[str, Any]:
    """Keep the field `file` of a multipart body; our services may say for whom (`user_id`)."""
    owner = await _owner(caller, user_id, brain)
    sent = SentFile(request)
    try:
        kept = await brain.files.uploads.take(owner, await sent.begin(), sent.pieces())
    except (FileTooLarge, DiskFailed):
        await sent.drain()
        raise
    return {
        "file_id": kept.file_id,
        "filename": kept.filename,
        "media_type": kept.media_type,
        "size": kept.size,
        "expires_at": iso(kept.expires_at),
    }


@router.get("/artifacts/{file_id}")
async def download(
    file_id: str,
    request: Request,
    brain: TheBrain,
    expires: str | None = None,
    signature: str | None = None,
) -> FileResponse:
    """The bytes, for the owner, an operator, or whoever has a signed link that is still good."""
    kept = await _found(file_id, request, brain, expires, signature)
    path = brain.files.store.path(kept)
    try:
        stat = await anyio.Path(path).stat()
    except FileNotFoundError as gone:
        raise NoSuchFile from gone
    return FileResponse(
        path,
        media_type=kept.media_type,
        filename=kept.filename,
        stat_result=stat,
        headers=HARMLESS,
    )


async def _owner(caller: Caller, user_id: str | None, brain: Brain) -> str:
    if caller.kind == "user":
        if user_id not in (None, caller.user_id):
            raise NotForOthers
        return caller.user_id
    if user_id is None:
        return SERVICE
    return (await person_named(user_id, caller, brain)).user_id


async def _found(
    file_id: str, request: Request, brain: Brain, expires: str | None, signature: str | None
) -> Kept:
    if expires is not None and signature is not None:
        if not brain.files.links.opens(file_id, expires=expires, signature=signature):
            raise NoSuchFile
        return await brain.files.store.find(file_id, owner=None)
    caller = caller_of(request, brain)
    return await brain.files.store.find(
        file_id, owner=None if caller.is_operator else caller.user_id
    )
