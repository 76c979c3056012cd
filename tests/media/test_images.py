from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poserep.core.errors import DataError
from poserep.media.images import image_size, read_image, resized, squeeze, working_size


def test_the_working_width_follows_the_aspect_and_is_even() -> None:
    assert working_size(1768, 994, 128) == (128, 228)
    assert working_size(1080, 1920, 128) == (128, 72)
    assert working_size(1, 1000, 10) == (10, 2)


def test_squeeze_is_the_share_by_which_the_width_changes() -> None:
    assert squeeze(100, 50, (10, 20)) == 0
    assert squeeze(80, 50, (10, 20)) == pytest.approx(0.25)


@pytest.mark.parametrize("width", [96, 130, 41, 20])
def test_stripes_finer_than_a_pixel_become_their_mean(width: int) -> None:
    stripes = np.zeros((200, 300), np.uint8)
    stripes[:, ::2] = 200

    small = resized(Image.fromarray(stripes), (40, width))

    assert small.shape == (1, 40, width)
    assert np.abs(small[..., 1:-1].astype(float) - 100).max() < 10


def test_a_whole_ratio_puts_an_edge_where_it_was() -> None:
    edge = np.zeros((40, 40), np.uint8)
    edge[:, 20:] = 200

    assert resized(Image.fromarray(edge), (10, 10))[0, 0].tolist() == pytest.approx([0] * 5 + [200] * 5, abs=20)


def test_enlarging_keeps_a_plain_picture_plain() -> None:
    assert np.unique(resized(Image.new("RGB", (4, 4), (7, 7, 7)), (9, 9))).tolist() == [7]


def test_an_image_turned_by_its_header_is_shown_upright(tmp_path: Path) -> None:
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :32] = 250  # left half; orientation 6 turns it to the top
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)

    assert image_size(tmp_path / "a.png") == (64, 32)
    assert read_image(tmp_path / "a.png", (16, 8))[0, [0, 15], 4].tolist() == [250, 0]


def test_transparent_and_palette_images_become_rgb(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (1, 2, 3, 255)).save(tmp_path / "a.png")
    Image.new("P", (8, 8)).save(tmp_path / "b.png")

    assert read_image(tmp_path / "a.png", (4, 4))[:, 0, 0].tolist() == [1, 2, 3]
    assert read_image(tmp_path / "b.png", (4, 4)).shape == (3, 4, 4)
    assert read_image(tmp_path / "a.png", (4, 4), "L").shape == (1, 4, 4)


def test_faults_name_the_file(tmp_path: Path) -> None:
    broken, wide = tmp_path / "broken.jpg", tmp_path / "wide.png"
    broken.write_bytes(b"no image")
    Image.new("RGB", (20, 10)).save(wide)

    for path, message in (
        (tmp_path / "no.png", f"there is no such image\n  at   {tmp_path / 'no.png'}"),
        (broken, f"the image cannot be read: cannot identify image file '{broken}'\n  at   {broken}"),
        (
            wide,
            f"the image is 20x10, another shape than the working frame (8x8)\n  at   {wide}\n"
            "  hint keep pictures of one shape in one dataset",
        ),
    ):
        with pytest.raises(DataError) as caught:
            read_image(path, (8, 8))
        assert str(caught.value) == message


def test_an_image_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])

    with pytest.raises(DataError, match="the image cannot be read: image file is truncated"):
        read_image(path, (8, 8))


def test_a_header_that_claims_billions_of_pixels_is_a_broken_image(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    Image.new("RGB", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    content[18:26] = b"\xff\xff\x0f\x00" * 2  # width and height
    path.write_bytes(content)
    for ask in (image_size, lambda broken: read_image(broken, (8, 8))):
        with pytest.raises(DataError, match="cannot be read"):
            ask(path)
