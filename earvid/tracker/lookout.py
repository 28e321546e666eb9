"""Which of the things that the memory sees are believed, and where else an ear is looked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, product
from typing import Any

from earvid.prompt import Prompt
from earvid.tracker.looking import View
from earvid.tracker.looks import Looks, overlap
from earvid.tracker.object_track import ObjectTrack
from earvid.tracker.prompts import prompted_together
from earvid.tracker.reentry import Guard
from earvid.tracker.results import Box
from earvid.tracker.roi import Roi, RoiSettings, RoiState
from earvid.tracker.sighting import Sighting

FOUND_OVERLAP = 0.3  # IoU of a mask's box with the box where an ear was detected

Look = Callable[[View, ObjectTrack, Roi], Sighting]
"""What the memory of an ear makes of a region."""


class Lookout:
    """Leads the guard through the ears of a session; see :mod:`earvid.tracker.reentry`.

    Args:
        guard: tells ears apart.
        roi: how the crop follows each ear.
        prompt: the ears.
        tracks: what the session knows of them, by object id.
        rivals: looks of further ears of the clip.
        look: asks the memory.
    """

    def __init__(
        self,
        guard: Guard,
        roi: RoiSettings,
        prompt: Prompt,
        tracks: Mapping[int, ObjectTrack],
        rivals: tuple[Looks, ...],
        look: Look,
    ) -> None:
        self.guard, self._roi, self._prompt = guard, roi, prompt
        self._tracks, self._known, self._look = tracks, rivals, look
        self._together = prompted_together(prompt)

    def arguments(self) -> dict[str, Any]:
        """What a session takes to make another one like this."""
        guard = self.guard
        return {"scout": guard.scout, "reentry": guard.settings, "rivals": self._known}

    def meet(self, view: View, looks: Looks, box: Box | None) -> None:
        """Learn how an ear looks on a keyframe."""
        if box is not None:
            shown = view.shown_to(self.guard.scout, box)
            self.guard.meet(looks, view.index, shown, box)

    def track(self, view: View, track: ObjectTrack, seen: Sighting) -> Sighting:
        """Judge what was seen where an ear should be; if it is lost, look where it may be."""
        assert track.roi is not None
        if seen.box is not None and self._refuses(view, track, seen, seen.box):
            seen = seen.refused()
        lost = seen.box is None and self.guard.settings.searches(track.roi)
        if lost or (seen.box is not None and self.guard.challenges(track.looks)):
            return self._search(view, track, track.roi, seen.box) or seen
        return seen

    def _refuses(self, view: View, track: ObjectTrack, seen: Sighting, box: Box) -> bool:
        assert seen.described is not None
        crop, others = view.glimpse(seen.roi), self._others(track)
        return self.guard.refuses(track.looks, seen.described, crop, box, others)

    def note(self, view: View, track: ObjectTrack, seen: Sighting) -> None:
        """Take notice of what was decided about an ear."""
        guard, looks = self.guard, track.looks
        guard.note(looks, view.glimpse(seen.roi), seen.box, seen.prediction.score)
        if track.roi is not None and guard.surveys(looks):
            extent = track.roi.ear_side / self._roi.factor
            guard.survey(looks, view.image, extent, self._others(track))

    def _search(
        self, view: View, track: ObjectTrack, state: RoiState, doubted: Box | None
    ) -> Sighting | None:
        """Look at ears elsewhere in the frame that may be the lost or doubted one."""
        others = self._others(track)
        extent = max(state.ear_side, state.usual) / self._roi.factor
        for box in self.guard.candidates(view.image, extent, track.looks, others, doubted):
            seen = self._look(view, track, view.start(box).roi())
            if seen.box is not None and overlap(seen.box, box) >= FOUND_OVERLAP:
                assert seen.described is not None
                self.guard.recognize(track.looks, seen.described)
                return seen
        return None

    def settle(self, view: View, seen: dict[int, Sighting]) -> dict[int, Sighting]:
        """Where two ears are seen in one place, believe but one of them."""
        settled = dict(seen)
        for prompted, other in product(self._prompted_on(view.index, seen), seen):
            places = self._tracks[prompted].looks.box, settled[other].box
            if places[0] is None or places[1] is None or {prompted, other} in self._together:
                continue
            if overlap(places[0], places[1]) >= self.guard.settings.shared:
                settled[other] = settled[other].refused()
        for one, other in combinations(seen, 2):
            boxes = settled[one].box, settled[other].box
            if boxes[0] is None or boxes[1] is None or {one, other} in self._together:
                continue
            if overlap(boxes[0], boxes[1]) >= self.guard.settings.shared:
                rivals = [self._tracks[one].looks, self._tracks[other].looks]
                shown = view.shown_to(self.guard.scout, boxes[0])
                hidden = self.guard.hidden(shown, boxes[0], rivals)
                if hidden is not None:
                    loser = (one, other)[hidden]
                    settled[loser] = self._elsewhere(view, loser, settled[loser])
        return settled

    def _prompted_on(self, index: int, seen: dict[int, Sighting]) -> list[int]:
        """Ears that were prompted on a frame, and so are surely where that says."""
        return [o.id for o in self._prompt.objects if index in o.frames and o.id not in seen]

    def _elsewhere(self, view: View, object_id: int, seen: Sighting) -> Sighting:
        """An ear that is not where it was seen: hidden, or found in another place."""
        track = self._tracks[object_id]
        assert track.roi is not None
        if self.guard.settings.searches(track.roi):
            return self._search(view, track, track.roi, None) or seen.refused()
        return seen.refused()

    def _others(self, track: ObjectTrack) -> list[Looks]:
        """Looks of the other ears, but for those that were prompted in one place with it."""
        mine = next(i for i, one in self._tracks.items() if one is track)
        tracked = [
            one.looks
            for i, one in self._tracks.items()
            if i != mine and frozenset((i, mine)) not in self._together
        ]
        return [*tracked, *self._known]
