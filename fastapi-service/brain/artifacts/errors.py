"""
Why a file that somebody sent is not read.

InvalidRequest
└─ FileRefused
   ├─ FileTooLarge      file.too_large
   ├─ FileUnsupported   file.unsupported
   └─ FileUnreadable    file.unreadable

Busy
└─ DiskFailed           store.unavailable
"""

import errno

from shared.errors import Busy, InvalidRequest


class FileRefused(InvalidRequest):
    """The file `filename` is not read; `why` ends the sentence that the name begins."""

    def __init__(self, filename: str, why: str) -> None:
        self.filename = filename
        self.why = why
        super().__init__(f"{filename} {why}")


class FileTooLarge(FileRefused):
    """It goes beyond a limit of bytes, pixels, unpacked bytes, memory or time."""

    status = 413
    code = "file.too_large"


class FileUnsupported(FileRefused):
    """There is no reader for what it holds."""

    status = 415
    code = "file.unsupported"


class FileUnreadable(FileRefused):
    """It is of a kind that can be read, but it is damaged, empty or locked."""

    code = "file.unreadable"


class DiskFailed(Busy):
    """The disk with the files took or gave no bytes; mostly it is full."""

    code = "store.unavailable"

    def __init__(self, failure: OSError) -> None:
        full = failure.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "The disk of the box is full" if full else "The disk of the box does not work"
        super().__init__(f"{what}; please tell the operator and try again later.")
