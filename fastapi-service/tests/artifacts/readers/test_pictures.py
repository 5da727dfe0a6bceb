"""What a vision model is shown of a picture."""

from io import BytesIO
from random import Random

import PIL.Image
import pytest

from brain.artifacts.limits import Limits
from brain.artifacts.readers.document import Image
from brain.artifacts.readers.reader import read
from made_files import animation, picture

LIMITS = Limits(max_bytes=10_000_000)
SECRET = b"52.5200 N 13.4050 E"


def shown(data: bytes) -> Image:
    (image,) = read("x", data, LIMITS).images
    return image


def opened(image: Image) -> PIL.Image.Image:
    return PIL.Image.open(BytesIO(image.data))


def colour_of(image: Image) -> tuple[int, ...]:
    colour = opened(image).getpixel((5, 5))
    assert isinstance(colour, tuple)
    return tuple(int(part) for part in colour)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_taken_sideways_is_turned_and_loses_what_the_camera_noted(form: str) -> None:
    noted = PIL.Image.Exif()
    noted[0x0112] = 6  # turn by 90 degrees, EXIF 2.32 section 4.6.4
    noted[0x010E] = SECRET.decode()
    sent = picture(form, (40, 20), exif=noted, icc_profile=SECRET * 9, comment=SECRET)

    image = shown(sent)

    assert SECRET in sent
    assert (image.width, image.height) == (20, 40)
    assert SECRET not in image.data
    assert not opened(image).getexif()


def test_what_is_transparent_becomes_white() -> None:
    sent = picture("PNG", mode="RGBA", colour=(255, 0, 0, 0))

    assert colour_of(shown(sent)) == (255, 255, 255)


def test_sixteen_bits_of_grey_keep_their_brightness() -> None:
    assert colour_of(shown(picture("PNG", mode="I;16", colour=0x4000))) == (64, 64, 64)


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_of_an_animation_the_first_picture_counts(form: str) -> None:
    red, green, blue = colour_of(shown(animation(form)))

    assert red > 250
    assert max(green, blue) < 5


def test_drawings_stay_sharp_and_photographs_become_small() -> None:
    noise = PIL.Image.frombytes("RGB", (800, 800), Random(1).randbytes(800 * 800 * 3))
    photograph = BytesIO()
    noise.save(photograph, "PNG")

    drawing, photo = shown(picture("PNG", (800, 800))), shown(photograph.getvalue())

    assert drawing.media_type == "image/png"
    assert photo.media_type == "image/jpeg"
    assert len(photo.data) < len(photograph.getvalue()) / 2


def test_a_very_narrow_picture_keeps_a_pixel_of_width() -> None:
    image = shown(picture("PNG", (1, 20_000)))

    assert (image.width, image.height) == (1, 1568)
