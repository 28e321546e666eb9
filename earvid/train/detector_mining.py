"""What a detector takes for ears in photos in which they are known: worth showing it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from earvid.detect.detector import Box, EarDetector, overlaps
from earvid.train.detector_photos import Photo
from earvid.train.geometry import ear_box

_CONFIDENCE = 0.1  # from which a false alarm is worth learning from; a tenth of them would be hits
_ON_EAR = 0.1  # IoU with a true ear from which it is none
_IGNORED = 0.3  # share of it that is not to be judged, likewise
_SIZES = (320, 640)  # photos are kept at 512 pixels


def false_alarms(detector: EarDetector, photos: Iterable[Photo]) -> Mapping[int, list[Box]]:
    """Find what is no ear in photos (hard negatives, Felzenszwalb et al. 2010).

    Args:
        detector: of an earlier run.
        photos: with all of their ears.

    Returns:
        Boxes in pixels of the photo, by its ``id``; photos without any are left out.
    """
    found = ((id(photo), _in(detector, photo)) for photo in photos)
    return {number: boxes for number, boxes in found if boxes}


def _in(detector: EarDetector, photo: Photo) -> list[Box]:
    image, truth = photo.image, [ear_box(ear) for ear in photo.ears]
    boxes = [one.box for one in detector.detect(image, min_confidence=_CONFIDENCE, sizes=_SIZES)]
    if truth and boxes:
        on_ear = overlaps(boxes, truth).max(axis=1) >= _ON_EAR
        boxes = [box for box, on in zip(boxes, on_ear, strict=True) if not on]
    return [box for box in boxes if not _is_ignored(photo, box)]


def _is_ignored(photo: Photo, box: Box) -> bool:
    if photo.ignore is None:
        return False
    x0, y0, x1, y1 = (round(value) for value in box)
    part = photo.ignore[max(0, y0) : y1 + 1, max(0, x0) : x1 + 1]
    return bool(part.size and np.mean(part > 0) >= _IGNORED)
