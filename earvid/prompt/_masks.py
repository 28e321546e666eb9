"""Masks as image files."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from earvid.errors import PromptError

JPEG_MAGIC = b"\xff\xd8\xff"


def read_mask(path: Path) -> npt.NDArray[np.bool_]:
    """Read a mask painted on a full frame: whatever is not 0 is ear.

    Args:
        path: Image without loss: 1, 8 or 16 bit, gray, palette or color. Where it has an alpha
            channel, transparent pixels are background.

    Returns:
        (H, W) bool.

    Raises:
        PromptError: The file is missing, is no image, or is a JPEG.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path that no system allows
        reason = getattr(error, "strerror", None) or error
        raise PromptError(
            f"the mask {str(path)!r} cannot be read ({reason}); check the path."
        ) from error
    if data.startswith(JPEG_MAGIC):
        raise PromptError(
            f"the mask {path} is a JPEG, which blurs 0 into other values; save it as PNG."
        )
    image = _decode(data)
    if image is None:
        raise PromptError(f"the mask {path} is not an image; save the painted mask as PNG.")
    return _painted(image)


def write_mask(path: Path, mask: npt.NDArray[np.bool_]) -> None:
    """Write a mask as a PNG of 0 and 255.

    Args:
        path: Where to; its folder must exist.
        mask: (H, W) bool.

    Raises:
        OSError: The file cannot be written.
    """
    _, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
    path.write_bytes(data.tobytes())


def _decode(data: bytes) -> npt.NDArray[np.generic] | None:
    if not data:
        return None
    image: npt.NDArray[np.generic] | None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # e.g. a header that claims more pixels than OpenCV allows
        return None
    return image


def _painted(image: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    if image.ndim == 2:
        return np.asarray(image != 0)
    painted = (image[..., :3] != 0).any(axis=2)
    if image.shape[2] == 4:
        painted &= image[..., 3] != 0
    return np.asarray(painted)
