import cv2
import numpy as np
import pytest

from earvid.errors import PromptError
from earvid.prompt import read_mask

EAR = np.zeros((20, 30), bool)
EAR[5:12, 8:19] = True
BGRA = np.zeros((20, 30, 4), np.uint8)
BGRA[EAR] = (0, 0, 200, 255)
WHITE_ON_TRANSPARENT = np.full((20, 30, 4), 255, np.uint8)
WHITE_ON_TRANSPARENT[~EAR, 3] = 0


@pytest.mark.parametrize(
    "image",
    [
        EAR.astype(np.uint8),
        EAR.astype(np.uint8) * 255,
        EAR.astype(np.uint8) * 3,
        EAR.astype(np.uint16) * 1000,
        BGRA[..., :3],
        BGRA,
        WHITE_ON_TRANSPARENT,
    ],
    ids=["0/1", "0/255", "labels", "16 bit", "color", "color+alpha", "alpha only"],
)
def test_whatever_is_not_zero_is_ear(tmp_path, image):
    path = tmp_path / "mask.png"
    cv2.imwrite(str(path), image)
    mask = read_mask(path)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, EAR)


def test_one_bit_images_are_read(tmp_path):
    path = tmp_path / "mask.png"
    cv2.imwrite(str(path), EAR.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])
    np.testing.assert_array_equal(read_mask(path), EAR)


def test_what_is_no_mask_is_refused(tmp_path):
    path = tmp_path / "mask.png"
    with pytest.raises(PromptError, match=r"mask\.png' cannot be read \(No such file"):
        read_mask(path)
    for content in (b"", b"not an image", bytes(range(256)) * 20):
        path.write_bytes(content)
        with pytest.raises(PromptError, match=r"mask\.png is not an image"):
            read_mask(path)


def test_a_jpeg_is_refused_even_under_another_name(tmp_path):
    cv2.imwrite(str(tmp_path / "mask.jpg"), EAR.astype(np.uint8) * 255)
    path = (tmp_path / "mask.jpg").rename(tmp_path / "mask.png")
    with pytest.raises(PromptError, match="JPEG"):
        read_mask(path)
