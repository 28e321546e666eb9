"""Following the landmarks of one ear away from a keyframe, in one direction."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.landmarks.align import Aligner, Alignment
from earvid.landmarks.chart import (
    KNOTS,
    SIDE,
    SMALL,
    Box,
    Cover,
    Float,
    Gray,
    Picture,
    Placed,
    apply,
    invert,
)
from earvid.landmarks.locate import Locator
from earvid.landmarks.state import TrackState, dump_state

SUPPORT = 50  # corners of the keyframe that are followed beside the landmarks
APART = 9.0  # chart pixels between them
VIEWS = 8  # what the ear looked like that is remembered, the keyframe included

EASY = 0.8  # score from which the keyframe alone says where the ear is
DOUBTFUL = 0.6  # score below which the ear may be somewhere else
FOLLOWED = 0.3  # score below which it is lost
FOUND = 0.5  # score that finds it again
FOUND_SHARE = 0.2  # and share of its points that must be recognized
HELD = 0.7  # share of the mask that must lie on an ear that was found again
PART = 0.35  # share of recognized points from which its mask does not matter
SURE = 0.6  # share of recognized points from which its place is certain
CHANGED = 0.8  # correlation below which it looks unlike what is remembered
PAUSE = 3  # frames between searches while it is followed with doubt

SHOWN = 0.35  # share of a point's surroundings that must be ear to be visible
SEEN = 0.35  # and correlation with what it looked like, as a share of the best quarter's
PLACED = 0.25  # greatest confidence of a point that only the shape places
VAGUE = 14.0  # chart pixels of standard deviation from which a point is lost
SPREAD = 4.0  # chart pixels of standard deviation that halve confidence

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LandmarkResult:
    """The landmarks of one ear on one frame.

    Args:
        points: ``(K, 2)`` float32 frame pixels; NaN where lost.
        confidence: ``(K,)`` float32, 0..1; 0 where lost.
        visible: ``(K,)`` bool: in the frame, not covered, not turned away.
    """

    points: NDArray[np.float32]
    confidence: NDArray[np.float32]
    visible: NDArray[np.bool_]

    @classmethod
    def lost(cls, count: int) -> LandmarkResult:
        """Of an ear that is not seen."""
        nowhere = np.full((count, 2), np.nan, np.float32)
        return cls(nowhere, np.zeros(count, np.float32), np.zeros(count, bool))

    @classmethod
    def given(
        cls, points: NDArray[np.floating], trust: NDArray[np.floating] | float = 1.0
    ) -> LandmarkResult:
        """As a prompt has them.

        Args:
            points: ``(K, 2)`` with NaN where there is none.
            trust: ``(K,)`` or one for all, 0..1: how sure they are; 1 if a person placed them.
        """
        known = np.isfinite(points).all(1)
        return cls(points.astype(np.float32), (known * trust).astype(np.float32), known)


class LandmarkTrack:
    """The landmarks of one ear, followed frame by frame from a keyframe.

    Every frame is compared with the keyframe itself, laid flat, and with a few views of the ear
    that were compared with it, so that errors do not add up however long a clip is. The frame
    before helps where the ear has turned far. Constant memory; a state can be saved and restored
    exactly.

    Args:
        state: from :meth:`start` or :func:`~earvid.landmarks.state.load_track`.
    """

    def __init__(self, state: TrackState) -> None:
        self.state = state
        self._aligner = Aligner(state.points, state.start)
        self._locator = Locator(state.charts[0], state.points)
        self._views = [
            self._aligner.view(chart, variance)
            for chart, variance in zip(state.charts, state.variances, strict=True)
        ]

    @classmethod
    def start(
        cls,
        image: Image,
        points: NDArray[np.floating],
        cover: Cover | None = None,
        box: Box | None = None,
        trust: NDArray[np.floating] | None = None,
    ) -> LandmarkTrack:
        """Begin on a keyframe.

        Args:
            image: ``(H, W, 3)`` uint8 RGB, or ``(H, W)`` gray.
            points: ``(K, 2)`` landmarks, frame pixels; NaN for those that are not known, at least
                one of which is.
            cover: the mask of the ear on this frame, if it is known.
            box: around the ear ``x0, y0, x1, y1``, if there is no mask.
            trust: ``(K,)`` 0..1, how sure these points are themselves, which is as sure as they
                can be anywhere; 1 without.
        """
        given = np.isfinite(points).all(1)
        known = np.asarray(points, np.float64)[given]
        start = Placed.on_box(_around(known, cover, box))
        chart = Picture(image).chart(start)
        marks = apply(invert(start.affine), known)
        area = _area(marks, cover, start)
        everything = np.vstack([marks, _corners(chart, area)])
        area = np.asarray(cv2.dilate(area, np.ones((5, 5), np.uint8)), np.uint8)
        trust = np.ones(len(given)) if trust is None else trust
        return cls(TrackState.first(given, trust, everything, area, start, chart))

    @property
    def trust(self) -> NDArray[np.float32]:
        """``(K,)``, how sure the landmarks are on the keyframe, 0..1."""
        return self.state.trust

    def dump(self) -> bytes:
        """Everything that was learned, for :func:`~earvid.landmarks.state.load_state`."""
        return dump_state(self.state)

    def lose(self) -> None:
        """Forget where the ear is: it is searched for on the next frame."""
        self.state.lost = True

    def step(self, image: Image, cover: Cover | None = None) -> LandmarkResult:
        """Follow the landmarks to the next frame.

        Args:
            image: ``(H, W, 3)`` uint8 RGB, or ``(H, W)`` gray.
            cover: the mask of the ear; an empty one says that it is not in view, and no mask that
                nothing is known.
        """
        state = self.state
        state.count += 1
        if cover is not None and cover.empty:
            state.lost = True
            return LandmarkResult.lost(len(state.given))
        picture = Picture(image)
        found = None if state.lost else self._follow(picture, cover)
        doubtful = found is None or found.score < DOUBTFUL
        if doubtful and (found is None or found.score < FOLLOWED or state.count % PAUSE == 0):
            better = self._search(picture, cover, found)
            if better is not None:
                return self._take(better)
        if found is None or not self._believable(found, cover):
            state.lost = True
            return LandmarkResult.lost(len(state.given))
        self._remember(found)
        return self._take(found)

    def _believable(self, found: Alignment, cover: Cover | None) -> bool:
        """Whether it is still the ear: little of it must at least be where the mask is."""
        if found.score < FOLLOWED:
            return False
        return found.share > PART or self._holds(cover, found.placed)

    def _follow(self, picture: Picture, cover: Cover | None) -> Alignment:
        """Align from where the ear was; first with the keyframe alone, which is cheaper."""
        state, aligner = self.state, self._aligner
        now = picture.chart(state.placed)
        found = aligner.align(
            picture, cover, self._views, state.placed, state.bent, rounds=2, levels=3, chart=now
        )
        if found.score >= EASY:
            return found
        odometry = aligner.odometry(state.last, now, self._views[0])
        fit = odometry.fit
        placed, bent = aligner.folded(
            state.placed, state.bent + fit.points, state.placed.field + fit.knots
        )
        moved = aligner.align(
            picture, cover, self._views, placed, bent, rounds=3, odometry=odometry
        )
        return moved if moved.score >= found.score - 0.02 else found

    def _search(
        self, picture: Picture, cover: Cover | None, found: Alignment | None
    ) -> Alignment | None:
        """Look for the ear anew; None when nothing better is found."""
        least, share = FOUND, FOUND_SHARE
        if found is not None and found.score >= FOLLOWED:
            least, share = max(least, found.score + 0.05), max(share, found.share)
        best = None
        state, flat = self.state, np.zeros((KNOTS * KNOTS, 2))
        # An ear that was covered is mostly where it was, and a part of it is enough to see that.
        places = [state.placed, state.sure] if state.lost else []
        for place in [*places, *self._locator.candidates(picture.image, cover, state.sure)]:
            placed = self._aligner.rigid(picture, Placed(place.affine, flat), self._views[0])
            still = np.zeros_like(state.bent)
            one = self._aligner.align(picture, cover, self._views, placed, still, rounds=4)
            if one.score > least and one.share >= share and self._holds(cover, one.placed):
                best, least = one, one.score
        return best

    def _holds(self, cover: Cover | None, placed: Placed) -> bool:
        """Whether the mask lies on the ear: what covers an ear takes from its mask, and never adds.

        With few points, nothing is known of the ear's extent.
        """
        if cover is None or self.state.given.sum() < 3:
            return True
        return cover.share_within(placed, self.state.area) > HELD

    def _take(self, found: Alignment) -> LandmarkResult:
        state = self.state
        state.lost = False
        state.placed, state.bent, state.last = found.placed, found.bent, found.chart
        if found.share > SURE:
            state.sure = found.placed
        return _result(found, state.given, state.trust)

    def _remember(self, found: Alignment) -> None:
        """Keep a view that differs from those that are kept, of an ear that is seen as a whole."""
        wanted = found.inside & (found.cover > 0.5)
        if len(self._views) >= VIEWS or found.share < SURE or not found.inside.all():
            return
        if np.median(found.likeness[wanted]) >= CHANGED:
            return
        # What is compared with it later cannot be surer than it is itself.
        variance = found.fit.deviation**2 + 0.25
        self.state.charts.append(found.chart)
        self.state.variances.append(variance)
        self._views.append(self._aligner.view(found.chart, variance))


def _result(
    found: Alignment, given: NDArray[np.bool_], trust: NDArray[np.float32]
) -> LandmarkResult:
    count = int(given.sum())
    likeness, cover = np.clip(found.likeness[:count], 0, 1), found.cover[:count]
    deviation = found.fit.deviation[:count]
    # Where noise or blur make all patches less alike, a hidden one is still the least alike.
    usual = np.quantile(likeness, 0.75)
    visible = found.inside[:count] & (cover > SHOWN) & (likeness > SEEN * usual)
    confidence = likeness * np.clip(1.5 * cover, 0, 1) / (1 + (deviation / SPREAD) ** 2)
    confidence = np.where(visible, confidence, np.minimum(confidence, PLACED))
    known = deviation < VAGUE
    result = LandmarkResult.lost(len(given))
    result.points[given] = np.where(known[:, None], found.points[:count], np.nan)
    result.confidence[given] = np.where(known, confidence * trust[given], 0)
    result.visible[given] = visible & known
    return result


def _around(points: Float, cover: Cover | None, box: Box | None) -> Box:
    """A box around all that is known of the ear."""
    low, high = points.min(0), points.max(0)
    boxes = [] if box is None else [box]
    if cover is not None and not cover.empty:
        boxes.append(cover.box())
    if not boxes:  # a few points say little about the size of the ear
        margin = np.maximum(0.1 * (high - low), 12)
        low, high = low - margin, high + margin
    for x0, y0, x1, y1 in boxes:
        low, high = np.minimum(low, (x0, y0)), np.maximum(high, (x1, y1))
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _area(marks: Float, cover: Cover | None, start: Placed) -> Gray:
    """``(SMALL, SMALL)`` uint8, 255 = ear: its mask laid flat, or about its points."""
    if cover is not None and not cover.empty:
        return cover.on_chart(start)
    area = np.zeros((SMALL, SMALL), np.uint8)
    hull = cv2.convexHull(np.rint((marks + 0.5) * SMALL / SIDE - 0.5).astype(np.int32))
    cv2.fillConvexPoly(area, hull, 255)
    return np.asarray(cv2.dilate(area, np.ones((3, 3), np.uint8)), np.uint8)


def _corners(chart: Gray, area: Gray) -> Float:
    """Corners of the ear that are easy to follow, and tell how it moves between landmarks."""
    zone = cv2.resize(area, (SIDE, SIDE)) > 127
    found = cv2.goodFeaturesToTrack(
        chart, SUPPORT, 0.01, APART, mask=zone.astype(np.uint8), blockSize=7
    )
    if found is None:  # unlike what OpenCV's types say
        return np.zeros((0, 2))  # type: ignore[unreachable]
    return np.asarray(found[:, 0], np.float64)
