"""Asking the memory of an ear what it makes of a region."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from earvid.tracker.engine import Engine, Features, Prediction
from earvid.tracker.looking import View
from earvid.tracker.memory import MemoryBank, Selection, virtual_outputs
from earvid.tracker.object_track import ObjectTrack
from earvid.tracker.policies import MemoryPolicy, Moment
from earvid.tracker.reentry import Scout
from earvid.tracker.roi import Roi, RoiSettings, RoiState
from earvid.tracker.sighting import Sighting


@dataclass(frozen=True, eq=False)
class Recall:
    """Looks at regions for ears; learns nothing, so that no look depends on another.

    Args:
        engine: the model.
        policy: which memories take part.
        roi: how the crop follows each ear; ``None`` to look at the whole frame.
        direction: of the session.
        scout: describes what ears look like, if somebody tells them apart.
        helpers: threads in which things are computed side by side; ``None`` for none.
    """

    engine: Engine
    policy: MemoryPolicy
    roi: RoiSettings | None
    direction: int
    scout: Scout | None
    helpers: Executor | None

    def first(self, view: View, tracks: Mapping[int, ObjectTrack]) -> dict[int, Sighting]:
        """Look where each ear should be.

        Of one ear, the new memory is made beside what follows, for which it is not needed before
        the next frame is encoded; several ears are looked at side by side.
        """
        if self.helpers is None or len(tracks) < 2:
            return {n: self._first(view, one, self.helpers) for n, one in tracks.items()}
        if self.roi is None:
            view.features(Roi.whole(view.width, view.height))  # once, for all
        seen = self.helpers.map(partial(self._first, view), tracks.values())
        return dict(zip(tracks, seen, strict=True))

    def look(
        self, view: View, track: ObjectTrack, region: Roi, beside: Executor | None = None
    ) -> Sighting:
        """What the memory of an ear makes of a region.

        Args:
            view: the frame.
            track: the ear.
            region: where to look.
            beside: where the new memory is made meanwhile.
        """
        features = view.features(region)
        chosen, prediction = self._remembering(view.index, track.bank, features, region, beside)
        present, box, described, whole = prediction.presence > 0, None, None, 1.0
        if self.roi is not None and track.roi is not None:
            if present and believable(prediction, track.roi, self.roi):
                box, whole = view.shape_of(prediction, region)
            present = box is not None
        if box is not None and self.scout is not None:
            described = self.scout.describe(view.shown_to(self.scout, box), box)
        return Sighting(prediction, region, present, box, chosen, described, whole)

    def _first(self, view: View, track: ObjectTrack, beside: Executor | None = None) -> Sighting:
        whole = Roi.whole(view.width, view.height)
        return self.look(view, track, whole if track.roi is None else track.roi.roi(), beside)

    def _remembering(
        self, index: int, bank: MemoryBank, features: Features, region: Roi, beside: Executor | None
    ) -> tuple[Selection, Prediction]:
        """Predict an object as its policy has it: from which memories, and which of the masks."""
        policy, model = self.policy, self.engine.model
        signature = features.signature() if policy.compares else None
        chosen = policy.select(bank, Moment(index, signature))
        chosen.check(policy.name, model.num_maskmem, model.max_obj_ptrs_in_encoder)
        outputs = virtual_outputs(bank, chosen, index, self.engine.memory_position)
        choose = partial(policy.choose, bank) if policy.looks else None
        seen = self.engine.track(index, features, region, outputs, self.direction, choose, beside)
        if signature is not None:
            seen = replace(seen, entry=replace(seen.entry, signature=signature))
        return chosen, seen


def helpers(beside: int) -> Executor | None:
    """Threads for so many things side by side; they end with whoever holds them."""
    return ThreadPoolExecutor(beside, "earvid") if beside > 1 else None


def believable(prediction: Prediction, state: RoiState, settings: RoiSettings) -> bool:
    """Whether something seen is good enough to be the ear, or to be it again."""
    extent = max(state.ear_side, state.usual) / settings.factor
    if prediction.entry.area < settings.shred * extent**2:
        return False
    lost = state.searching or state.absent > settings.patience
    return prediction.score >= (settings.reacquire_score if lost else settings.min_score)
