"""Which of the things that the memory sees are believed, and where else an ear is looked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, product
from typing import Any

from earvid.tracker.looking import View
from earvid.tracker.looks import Looks, overlap
from earvid.tracker.object_track import ObjectTrack
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
        tracks: what the session knows of them, by object id.
        rivals: looks of further ears of the clip.
        look: asks the memory.
    """

    def __init__(
        self,
        guard: Guard,
        roi: RoiSettings,
        tracks: Mapping[int, ObjectTrack],
        rivals: tuple[Looks, ...],
        look: Look,
    ) -> None:
        self.guard, self._roi = guard, roi
        self._tracks, self._known, self._look = tracks, rivals, look

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

    def settle(
        self, view: View, seen: Mapping[int, Sighting], given: Mapping[int, Sighting]
    ) -> dict[int, Sighting]:
        """Where two ears are seen in one place, believe but one of them.

        Args:
            view: the frame.
            seen: what was seen of the ears that are followed, by object id.
            given: of those that are prompted on this frame, and so surely where that says; of two
                prompts of one ear, the first counts.

        Returns:
            all of them.
        """
        settled = {**given, **seen}
        for one, other in combinations(given, 2):
            if settled[one].shares(settled[other], view.width, view.height):
                settled[other] = settled[other].refused(one)
        for prompted, other in product(given, seen):
            if settled[prompted].shares(settled[other], view.width, view.height):
                settled[other] = self._elsewhere(view, other, settled[other], prompted)
        for one, other in combinations(seen, 2):
            pair = settled[one], settled[other]
            if pair[0].shares(pair[1], view.width, view.height):
                described = [s.described for s in pair if s.described is not None]
                looks = {i: self._tracks[i].looks for i in (one, other)}
                loser = self.guard.yields(described, looks)
                winner = other if loser == one else one
                settled[loser] = self._elsewhere(view, loser, settled[loser], winner)
        for object_id, sighting in settled.items():
            mine = self._tracks[object_id].looks
            before = settled.get(mine.duplicate_of)
            if sighting.box is not None and before is not None and before.present:
                mine.duplicate_of = 0  # both are seen, apart
            mine.duplicate_of = sighting.duplicate_of or mine.duplicate_of
        return settled

    def _elsewhere(self, view: View, object_id: int, seen: Sighting, winner: int) -> Sighting:
        """An ear that is not where it was seen: hidden, or found in another place."""
        track = self._tracks[object_id]
        assert track.roi is not None
        if self.guard.settings.searches(track.roi):
            found = self._search(view, track, track.roi, None)
            if found is not None and not found.shares(seen, view.width, view.height):
                return found
        return seen.refused(winner)

    def _others(self, track: ObjectTrack) -> list[Looks]:
        """Looks of the other ears; one that was seen in the same place may be the same."""
        mine = next(i for i, one in self._tracks.items() if one is track)
        tracked = [
            one.looks
            for i, one in self._tracks.items()
            if i != mine and one.looks.duplicate_of != mine and track.looks.duplicate_of != i
        ]
        return [*tracked, *self._known]
