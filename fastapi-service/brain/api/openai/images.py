"""Pictures in a request of `/v1`: `data:` addresses (RFC 2397), as what they hold."""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64

from brain.api.openai.errors import Unfit
from brain.llm.messages import MEDIA_TYPES, Image

_DATA = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,", re.IGNORECASE)
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


def image_in(url: str, where: str) -> Image:
    """
    The picture in `url`; its type is that of its bytes, whatever the address says.

    Raises `Unfit`, also for an address on the web: programs here send what they have.
    """
    head = _DATA.match(url)
    if head is None:
        why = "only pictures in a data: address of base64 are read"
        raise Unfit(where, why, code="file.unsupported")
    try:
        raw = b64decode(url[head.end() :], validate=True)
    except (NotBase64, ValueError) as broken:
        raise Unfit(where, "it is not base64", code="file.unreadable") from broken
    media_type = media_type_of(raw)
    if media_type is None:
        known = ", ".join(sorted(MEDIA_TYPES))
        raise Unfit(where, f"it holds none of {known}", code="file.unsupported")
    return media_type, raw


def address_of(image: Image) -> str:
    """The `data:` address of a picture."""
    media_type, raw = image
    return f"data:{media_type};base64,{b64encode(raw).decode()}"


def media_type_of(raw: bytes) -> str | None:
    """The type of a picture by how it begins; None for anything else."""
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _BEGINNINGS.items() if raw.startswith(start)), None)
