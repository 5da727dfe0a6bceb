"""Files of an ask that did not become a job go, whatever else happens."""

from collections.abc import Collection
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest

from brain.artifacts.keeping import Kept
from brain.chat.attachments import Attachments
from brain.jobs.job import Job
from shared.errors import InvalidRequest, StoreUnavailable
from shared.protocol import Attachment

NOTES = Attachment(filename="a.txt", data_base64="aGk=")


class SmallFiles:
    """Uploads and a store of files in one, which may be away when files are to go."""

    def __init__(self, *, away: bool = False) -> None:
        self.there: set[str] = set()
        self._away = away

    async def take_base64(self, owner: str, filename: str, encoded: str) -> Kept:
        self.there.add("f1")
        return Kept(
            file_id="f1", owner=owner, filename=filename, media_type="text/plain", size=2,
            made_at=0.0, expires_at=9.0,
        )  # fmt: skip

    async def hold(self, name: str, file_ids: Collection[str], *, owner: str | None) -> None:
        assert self.there >= set(file_ids)

    def release(self, name: str) -> None:
        """Nothing is held here."""

    async def remove(self, file_id: str, *, owner: str) -> None:
        await anyio.lowlevel.checkpoint()
        if self._away:
            raise StoreUnavailable("test")
        self.there.remove(file_id)


def taking(files: SmallFiles, *attachments: Attachment) -> Any:
    class AJob:
        request_id, user_id = "r1", "anna"

    stand_in: Any = files
    return Attachments(stand_in, stand_in, stand_in).taken(
        attachments or [NOTES], cast("Job", AJob()), by_service=False
    )


async def test_files_of_a_cancelled_ask_go_at_once() -> None:
    files = SmallFiles()
    with anyio.CancelScope() as scope:
        async with taking(files):
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert files.there == set()


async def test_a_refusal_is_told_although_the_store_is_away_when_files_are_to_go() -> None:
    async def refused() -> None:
        async with taking(SmallFiles(away=True)):
            raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        await refused()


async def test_an_upload_that_is_named_again_and_again_is_one_file() -> None:
    files = SmallFiles()
    files.there.add("f1")
    async with taking(files, *[Attachment(filename="a.txt", file_id="f1")] * 20) as arrival:
        assert arrival.file_ids == ["f1"]
