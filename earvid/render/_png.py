"""Writing a picture, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import UsageError


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a picture so that it is whole or not there at all.

    Args:
        path: the file, replaced if it exists.
        image: ``(H, W, 3)`` uint8 RGB.

    Raises:
        UsageError: it cannot be written.
    """
    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(data.tobytes())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = error.strerror or "no reason given"
        raise UsageError(f"{path} cannot be written ({reason}); choose another place.") from error
