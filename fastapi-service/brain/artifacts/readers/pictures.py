"""Pictures, and the pictures that pages become: fit for a vision model."""

from io import BytesIO

import PIL.Image
from PIL import ImageOps, UnidentifiedImageError

from brain.artifacts.errors import FileTooLarge, FileUnreadable
from brain.artifacts.limits import Limits
from brain.artifacts.readers.archives import DAMAGED
from brain.artifacts.readers.document import LONGEST_SIDE, Document, Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
FIT = (LONGEST_SIDE, LONGEST_SIDE)
JPEG_QUALITY = 90
MAX_PNG_BYTES = 1_000_000
"""A larger PNG is a photograph, for which JPEG takes a tenth and models see no difference."""

# Pillow's own limit warns or raises depending on the size; here `max_pixels` decides.
PIL.Image.MAX_IMAGE_PIXELS = None


def read_picture(filename: str, data: bytes, limits: Limits) -> Document:
    """
    The picture, of an animation the first one. It is always encoded anew: that removes metadata,
    and what is not JPEG or PNG many model servers do not decode (stb_image knows no WebP).
    """
    try:
        with PIL.Image.open(BytesIO(data), formats=FORMATS) as picture:
            _check_pixels(filename, picture, limits)
            animated = getattr(picture, "is_animated", False)
            image = fit(picture, lossless=picture.format in {"PNG", "GIF"})
            media_type = str(picture.get_format_mimetype())
    except UnidentifiedImageError as wrong:
        raise FileUnreadable(filename, DAMAGED) from wrong
    except (OSError, SyntaxError, ValueError, EOFError) as wrong:  # Pillow's for broken content
        raise FileUnreadable(filename, DAMAGED) from wrong
    notes = ("Only the first picture of this animation was read.",) if animated else ()
    return Document(
        filename=filename, media_type=media_type, kind="image", images=(image,), notes=notes
    )


def fit(picture: PIL.Image.Image, *, lossless: bool) -> Image:
    """
    `picture` upright (EXIF), on white, and not above `LONGEST_SIDE`. PNG where `lossless` and small
    enough, else JPEG.
    """
    picture.draft("RGB", FIT)  # a JPEG is decoded at a half, a quarter or an eighth of its size
    small = _in_colours(picture)
    small.thumbnail(FIT, PIL.Image.Resampling.LANCZOS)
    ImageOps.exif_transpose(small, in_place=True)
    if small.mode == "RGBA":
        white = PIL.Image.new("RGBA", small.size, "white")
        small = PIL.Image.alpha_composite(white, small).convert("RGB")
    small.info.clear()  # comments and profiles, which would be written again
    media_type, data = _encoded(small, lossless)
    return Image(media_type=media_type, data=data, width=small.width, height=small.height)


def _in_colours(picture: PIL.Image.Image) -> PIL.Image.Image:
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode.startswith("I"):  # 16 bits of grey, which `convert` would cut at 255
        return picture.convert("I").point(lambda grey: grey * (1 / 256)).convert("RGB")
    return picture.convert("RGB")


def _encoded(picture: PIL.Image.Image, lossless: bool) -> tuple[str, bytes]:
    if lossless:
        png = BytesIO()
        picture.save(png, "PNG")
        if png.tell() <= MAX_PNG_BYTES:
            return "image/png", png.getvalue()
    jpeg = BytesIO()
    picture.save(jpeg, "JPEG", quality=JPEG_QUALITY)
    return "image/jpeg", jpeg.getvalue()


def _check_pixels(filename: str, picture: PIL.Image.Image, limits: Limits) -> None:
    """Only the header has been read so far."""
    if picture.width * picture.height > limits.max_pixels:
        raise FileTooLarge(
            filename,
            f"has {picture.width:,} × {picture.height:,} pixels, and at most "
            f"{limits.max_pixels // 1_000_000} million can be read. Please send a smaller picture.",
        )
