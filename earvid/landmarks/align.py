"""Laying the keyframe's chart on a frame, and judging how well it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.landmarks.chart import (
    SIDE,
    SMALL,
    Cover,
    Float,
    Gray,
    Picture,
    Placed,
    apply,
    compose,
    invert,
    knot_points,
)
from earvid.landmarks.flow import Flow, Patches, Texture, alike, flow
from earvid.landmarks.shape import Fit, Shape

STILL = 0.25  # chart pixels of motion after which the chart is not drawn anew
SETTLED = 0.8  # chart pixels of motion after which there is no need to look again
COVERED = 0.4  # share of a point's surroundings that must be ear
LIKELY = 0.5  # correlation from which a patch shows what it showed on the keyframe
PIECE = 0.12  # share of the points that must be recognized
_CLOSE = 2.0  # chart pixels of forward-backward error
_GROWS = (0.12, 8.0)  # sizes that an ear may have, of its size on the keyframe
_THIN = 0.2  # least width of a turned ear, as a share


@dataclass(frozen=True, eq=False)
class View:
    """What the ear looked like once, laid flat.

    Args:
        chart: ``(SIDE, SIDE)`` evened out.
        variance: ``(N,)`` of where its points are, chart pixels²; zero on the keyframe.
        patches: around its points.
        texture: around its points.
    """

    chart: Gray
    variance: Float
    patches: NDArray[np.float32] = field(repr=False)
    texture: Texture = field(repr=False)


@dataclass(frozen=True, eq=False)
class Odometry:
    """Where points came from the frame before.

    Args:
        flow: from the last chart to this one.
        fit: what of it can be believed.
    """

    flow: Flow
    fit: Fit


@dataclass(frozen=True, eq=False)
class Alignment:
    """A chart on a frame.

    Args:
        placed: where it lies.
        bent: ``(N, 2)`` displacements of the points within the chart.
        chart: of the frame.
        points: ``(N, 2)`` frame pixels.
        likeness: ``(N,)`` correlation with what the points looked like.
        cover: ``(N,)`` share of their surroundings that is ear, 0..1.
        inside: ``(N,)`` within the frame.
        fit: how the points moved.
        score: mean correlation of the points that ought to be seen, 0..1; 0 = not the ear.
        share: of all points that are recognized.
    """

    placed: Placed
    bent: Float
    chart: Gray
    points: Float
    likeness: Float
    cover: Float
    inside: NDArray[np.bool_]
    fit: Fit
    score: float
    share: float


class Aligner:
    """Aligns one set of points.

    Args:
        points: ``(N, 2)`` in the chart.
        start: where the chart lies on the keyframe.
    """

    def __init__(self, points: Float, start: Placed) -> None:
        self.points = points
        self.shape = Shape(points)
        self.patches = Patches(points)
        self._first = invert(start.affine)[:, :2]
        self._flat = np.hstack([points, np.ones((len(points), 1))])
        # Pixel i of a small picture covers chart pixels around (i + 0.5) * 4 - 0.5.
        at = np.rint((points + 0.5) * (SMALL / SIDE) - 0.5)
        self._small = np.clip(at, 0, SMALL - 1).astype(int)

    def view(self, chart: Gray, variance: Float) -> View:
        """Remember what a chart shows."""
        return View(chart, variance, self.patches.of(chart), Texture(chart, self.points))

    def nearest(self, views: Sequence[View], chart: Gray) -> list[View]:
        """The keyframe, and the other view that a chart is most like."""
        if len(views) == 1:
            return [views[0]]
        seen = self.patches.of(chart)
        scores = [float(np.median(alike(view.patches, seen))) for view in views[1:]]
        return [views[0], views[1 + int(np.argmax(scores))]]

    def folded(self, placed: Placed, bent: Float, knots: Float) -> tuple[Placed, Float]:
        """Put the affine part of displacements into the map, so that bends stay small."""
        found = np.linalg.lstsq(self._flat, self.points + bent, rcond=None)[0]
        inner = np.asarray(found.T, np.float64)
        back = invert(inner)
        moved, at = self.points + bent, knot_points()
        field = apply(back, at + knots) - at
        return Placed(compose(placed.affine, inner), field), apply(back, moved) - self.points

    def odometry(self, last: Gray, now: Gray, view: View) -> Odometry:
        """Measure motion since the last frame.

        Args:
            last: its chart.
            now: the chart of this frame, laid as on the last one.
            view: one that tells where there is texture.
        """
        moved = flow(last, now, self.points, 3)
        likeness = np.maximum(alike(self.patches.of(last), self.patches.of(now)), 0.7)
        information = view.texture.information(likeness, np.minimum(moved.error, 9) ** 2)
        close = (moved.error < 1.5 * _CLOSE)[:, None, None]
        return Odometry(moved, self.shape.fit(moved.moved, information * close))

    def rigid(self, picture: Picture, placed: Placed, view: View) -> Placed:
        """Shift, turn and scale a chart that is roughly in place, by consensus of its points."""
        for estimate in (cv2.estimateAffinePartial2D, cv2.estimateAffine2D):
            moved = flow(view.chart, picture.chart(placed), self.points, 3)
            good = moved.error < _CLOSE
            if good.sum() < 8:
                break
            ends = (self.points + moved.moved)[good]
            inner, agreed = estimate(
                self.points[good], ends, method=cv2.RANSAC, ransacReprojThreshold=5.0
            )
            if inner is None or agreed.sum() < 8:
                break
            placed = placed.moved(np.asarray(inner, np.float64))
        return placed

    def align(
        self,
        picture: Picture,
        cover: Cover | None,
        views: Sequence[View],
        placed: Placed,
        bent: Float,
        *,
        rounds: int,
        odometry: Odometry | None = None,
        levels: int = 2,
        chart: Gray | None = None,
    ) -> Alignment:
        """Align to views, from a place that is roughly right.

        Args:
            picture: the frame.
            cover: the mask, if it is known.
            views: the keyframe first.
            placed: where the chart is expected.
            bent: ``(N, 2)`` displacements that are expected.
            rounds: of looking again, at most.
            odometry: motion since the last frame, which ``placed`` has in it already.
            levels: of the first pyramid.
            chart: of the frame at ``placed``, if it was drawn already.
        """
        since = np.zeros_like(bent)  # moved since the odometry
        for turn in range(rounds):
            now = chart if chart is not None and turn == 0 else picture.chart(placed)
            seen = self.patches.of(now)
            shown = self._covered(cover, placed)
            total, pull = np.zeros((len(bent), 2, 2)), np.zeros_like(bent)
            for view in self.nearest(views, now):
                moved = flow(view.chart, now, self.points, 1 if turn else levels)
                likeness = alike(view.patches, seen)
                use = (moved.error < _CLOSE) & (shown > 0.15)
                if turn:
                    use &= likeness > 0.2
                else:
                    likeness = np.maximum(likeness, 0.7)  # it is not in place yet
                extra = np.minimum(moved.error, 9) ** 2 + view.variance
                information = view.texture.information(likeness, extra) * use[:, None, None]
                total += information
                pull += np.einsum("nij,nj->ni", information, moved.moved)
            if odometry is not None:
                information = _weak(odometry, views[0], shown)
                moved_on = odometry.flow.moved - odometry.fit.points - since
                total += information
                pull += np.einsum("nij,nj->ni", information, moved_on)
            here = np.linalg.solve(total + 1e-9 * np.eye(2), pull[..., None])[..., 0]
            fit = self.shape.fit(bent + here, total)
            step = fit.points - bent
            since += step
            placed, bent = self.folded(placed, fit.points, fit.knots)
            moved_most = np.abs(step).max()
            if moved_most < SETTLED:
                break
        still = moved_most < STILL
        return self._judged(picture, cover, views, placed, bent, fit, now if still else None)

    def _covered(self, cover: Cover | None, placed: Placed) -> Float:
        """``(N,)`` share of the surroundings of the points that is ear; a rim counts as inside."""
        if cover is None:
            return np.ones(len(self.points))
        flat = cv2.dilate(cover.on_chart(placed), np.ones((5, 5), np.uint8))
        flat = cv2.blur(flat, (3, 3))
        return np.asarray(flat[self._small[:, 1], self._small[:, 0]] / 255.0, np.float64)

    def _judged(
        self,
        picture: Picture,
        cover: Cover | None,
        views: Sequence[View],
        placed: Placed,
        bent: Float,
        fit: Fit,
        drawn: Gray | None,
    ) -> Alignment:
        chart = picture.chart(placed) if drawn is None else drawn
        seen = self.patches.of(chart)
        likeness = np.max([alike(v.patches, seen) for v in self.nearest(views, chart)], axis=0)
        shown = self._covered(cover, placed)
        points = apply(placed.affine, self.points + bent)
        height, width = picture.image.shape[:2]
        within = (points >= -0.5) & (points < (width - 0.5, height - 0.5))
        inside = np.asarray(within.all(1), bool)
        wanted = inside & (shown > COVERED)
        share = float(((likeness > LIKELY) & wanted).mean())
        score = float(np.clip(likeness[wanted], 0, 1).mean()) if wanted.sum() > 5 else 0.0
        if share < PIECE or not self._possible(placed):
            score = 0.0
        return Alignment(placed, bent, chart, points, likeness, shown, inside, fit, score, share)

    def _possible(self, placed: Placed) -> bool:
        """Whether an ear may look like this: neither mirrored nor too large, small or thin."""
        change = placed.affine[:, :2] @ self._first
        large, small = np.linalg.svd(change, compute_uv=False)
        grown = _GROWS[0] < large < _GROWS[1]
        return bool(grown and small > _THIN * large and np.linalg.det(change) > 0)


def _weak(odometry: Odometry, view: View, shown: Float) -> Float:
    """Information of the motion since the last frame, weak, for such errors add up."""
    error = np.minimum(odometry.flow.error, 9)
    use = (error < 1.5) * odometry.fit.trust * (shown > 0.15)
    information = view.texture.information(np.full(len(error), 0.8), 1.4 + error**2)
    weighted: Float = information * use[:, None, None]
    return weighted
