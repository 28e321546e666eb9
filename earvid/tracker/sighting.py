"""What was seen of one ear on one frame, before it is decided whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from earvid.tracker.engine import Prediction
from earvid.tracker.looks import Vector
from earvid.tracker.memory import Selection
from earvid.tracker.results import Box, ObjectResult
from earvid.tracker.roi import Roi

ABSENT_LOGIT = -1024.0  # as SAM 2 marks an absent object


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
    """

    prediction: Prediction
    roi: Roi
    present: bool
    box: Box | None
    chosen: Selection | None = None
    described: Vector | None = None

    def refused(self) -> Sighting:
        """The same, not believed."""
        return replace(self, present=False, box=None)

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
            seen.score,
            probability,
            self.present,
            memory,
            self.chosen is None,
        )
