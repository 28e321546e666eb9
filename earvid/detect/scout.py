"""Finding lost ears again: the detector and the recognizer in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from earvid.detect.detector import Box, EarDetector, detector_file, load_detector
from earvid.models.weights import file_sha256
from earvid.recognize import EarRecognizer, load_recognizer, recognizer_file

_CONFIDENCE = 0.15  # low, because recognition and memory have their say after it
_MOST = 6  # ears of a frame that are worth describing
_RESOLVED = 26.0  # input pixels across an ear that the detector finds reliably
_RATIO = 2.2  # how much larger or smaller a lost ear may come back


class EarScout:
    """Finds ears in whole frames and tells them apart, for :class:`earvid.tracker.Session`.

    Args:
        recognizer: describes ears.
        detector: finds them, or a function that gives what does; it is asked when an ear is lost
            for the first time, which in most clips never happens.
    """

    def __init__(
        self, recognizer: EarRecognizer, detector: EarDetector | Callable[[], EarDetector]
    ) -> None:
        self.recognizer, self._given = recognizer, detector

    @cached_property
    def detector(self) -> EarDetector:
        """What finds ears."""
        return self._given if isinstance(self._given, EarDetector) else self._given()

    @property
    def same(self) -> float:
        """Cosine from which two descriptions are of one ear."""
        return self.recognizer.same

    def find(self, image: NDArray[np.uint8], extent: float) -> Sequence[Box]:
        """Find ears of about a size; see :class:`earvid.tracker.Scout`."""
        found = self.detector.detect(
            image, min_confidence=_CONFIDENCE, sizes=(self._size(image, extent),)
        )
        boxes = [one.box for one in found if 1 / _RATIO <= _extent(one.box) / extent <= _RATIO]
        return boxes[:_MOST]

    def describe(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
        """Describe an ear; see :class:`earvid.tracker.Scout`."""
        return self.recognizer.describe(image, box)

    def reach(self, box: Box) -> tuple[int, int, int, int]:
        """How far it looks to describe an ear; see :class:`earvid.tracker.reentry.NearScout`."""
        return self.recognizer.reach(box)

    def _size(self, image: NDArray[np.uint8], extent: float) -> int:
        """The smallest, which is the fastest, size at which the ear would be resolved."""
        longest = max(image.shape[:2])
        sizes = sorted(self.detector.sizes_for(image))
        enough = [size for size in sizes if 0.7 * extent * size / longest >= _RESOLVED]
        return enough[0] if enough else sizes[-1]


def load_scout(*, device: str = "cpu", dtype: str = "float32", quantize: str = "none") -> EarScout:
    """Load the recognizer that ships with earvid, and its detector when it is wanted.

    Args:
        device: of both.
        dtype: of the recognizer, which looks at every frame, on a CPU.
        quantize: likewise.

    Raises:
        ModelError: the weights of one are missing or damaged.
    """
    detector_file()  # missing weights are told now, not in the middle of a clip
    recognizer = load_recognizer(device=device, dtype=dtype, quantize=quantize)
    return EarScout(recognizer, partial(load_detector, device=device))


def scout_digests() -> dict[str, str]:
    """sha256 of the weights that :func:`load_scout` loads, by what they are.

    Raises:
        ModelError: a file is missing.
    """
    return {
        "detector": file_sha256(detector_file()),
        "recognizer": file_sha256(recognizer_file()),
    }


def _extent(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1]) + 1
