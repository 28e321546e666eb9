"""What was seen of one ear on one frame, before it is decided whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from earvid.tracker.engine import Prediction
from earvid.tracker.looks import Vector, overlap
from earvid.tracker.memory import Selection
from earvid.tracker.results import SHARED, Box, ObjectResult, shared
from earvid.tracker.roi import Roi

ABSENT_LOGIT = -1024.0  # as SAM 2 marks an absent object
PIECES = 0.5
"""Power of the share of a mask in its largest piece by which its score falls.

Set by hand, not fitted: two halves, as a strand of hair may leave them, keep 0.7 of the score, and
a mask in crumbs, of which the largest is a fifth, falls below one half of it.
"""


@dataclass(frozen=True, eq=False)
class Sighting:
    """A prediction, and what is made of it.

    Args:
        prediction: of the model.
        roi: what it looked at.
        present: whether it is believed.
        box: of the mask, ``x0, y0, x1, y1``; ``None`` when there is none, or nobody follows it.
        chosen: which memories it was conditioned on; ``None`` on keyframes.
        described: what the ear in the box looks like, if somebody tells ears apart.
        whole: share of the mask that is in its largest piece.
        duplicate_of: the ear that was seen in the same place and keeps it; 0 if none was.
    """

    prediction: Prediction
    roi: Roi
    present: bool
    box: Box | None
    chosen: Selection | None = None
    described: Vector | None = None
    whole: float = 1.0
    duplicate_of: int = 0

    def refused(self, duplicate_of: int = 0) -> Sighting:
        """The same, not believed; perhaps because it is the place of another ear."""
        return replace(self, present=False, box=None, duplicate_of=duplicate_of)

    def shares(self, other: Sighting, width: int, height: int) -> bool:
        """Whether both are seen in one place of a frame of that size; see :data:`SHARED`."""
        if self.box is None or other.box is None or overlap(self.box, other.box) == 0:
            return False
        patches = [one.roi.paste(one.prediction.logits, width, height) for one in (self, other)]
        (mask, where), (theirs, there) = ((logits > 0, at) for logits, at in patches)
        return shared(mask, where, theirs, there) >= SHARED

    def result(self, object_id: int, index: int, memory: tuple[int, ...]) -> ObjectResult:
        """What a session says of it.

        Args:
            object_id: which ear.
            index: which frame.
            memory: frames that it was conditioned on.
        """
        seen = self.prediction
        logits = seen.logits
        if not self.present and seen.presence > 0:
            logits = np.full_like(logits, ABSENT_LOGIT)
        probability = float(1 / (1 + np.exp(-np.clip(seen.presence, -50, 50))))
        if not self.present:  # what is not believed must not look like presence to a reader either
            probability = min(probability, 0.5)
        return ObjectResult(
            object_id,
            index,
            logits,
            self.roi,
            seen.score * self.whole**PIECES,
            probability,
            self.present,
            memory,
            self.chosen is None,
            self.duplicate_of,
        )
