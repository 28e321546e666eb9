"""How close predicted masks and landmarks are to the truth.

Masks are (H, W) arrays in which anything but 0 is ear. Two empty masks agree perfectly (1.0), an
empty and a painted one not at all (0.0). `ignore` masks mark pixels that are not to be judged,
such as a band in which people who draw the truth differ.
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.generic]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

DAVIS_TOLERANCE = 0.008
"""Of the frame's diagonal: how far apart two contours may lie and still match, as in DAVIS."""


def iou(a: Mask, b: Mask, ignore: Mask | None = None) -> float:
    """Intersection over union, the region similarity J of DAVIS.

    Args:
        a: (H, W) mask.
        b: (H, W) mask.
        ignore: (H, W), pixels that count for neither; None counts all.

    Raises:
        ValueError: The shapes differ.
    """
    first, second = _judged(a, b, ignore)
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


def dice(a: Mask, b: Mask, ignore: Mask | None = None) -> float:
    """Dice coefficient, twice the intersection over the sum of areas.

    Args:
        a: (H, W) mask.
        b: (H, W) mask.
        ignore: (H, W), pixels that count for neither; None counts all.

    Raises:
        ValueError: The shapes differ.
    """
    first, second = _judged(a, b, ignore)
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero(first & second) / total if total else 1.0


def boundary_f(
    pred: Mask, truth: Mask, tolerance: float = DAVIS_TOLERANCE, ignore: Mask | None = None
) -> float:
    """Contour accuracy F: the harmonic mean of contour precision and recall.

    A contour pixel is right when the other contour comes within the tolerance, as defined by
    Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
    Segmentation", CVPR 2016. A mask has no contour where it meets the border of the frame.

    Args:
        pred: (H, W) mask.
        truth: (H, W) mask.
        tolerance: Fraction of the frame's diagonal, rounded up to whole pixels.
        ignore: (H, W), where contour pixels are not judged; those outside may still match them.

    Raises:
        ValueError: The shapes differ.
    """
    first, second = _judged(pred, truth, ignore)
    if not (first.any() and second.any()):
        return float(first.any() == second.any())
    judged = np.ones(first.shape, bool) if ignore is None else np.asarray(ignore) == 0
    radius = math.ceil(tolerance * math.hypot(*first.shape))
    contours = _contour(pred), _contour(truth)
    near = [_within(contour, radius) for contour in contours]
    precision = _fraction(contours[0] & judged, near[1])
    recall = _fraction(contours[1] & judged, near[0])
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def j_and_f(pred: Mask, truth: Mask, ignore: Mask | None = None) -> float:
    """Mean of region similarity J and contour accuracy F, the score of DAVIS.

    Args:
        pred: (H, W) mask.
        truth: (H, W) mask.
        ignore: (H, W), pixels that are not judged.

    Raises:
        ValueError: The shapes differ.
    """
    return (iou(pred, truth, ignore) + boundary_f(pred, truth, ignore=ignore)) / 2


@dataclass(frozen=True, eq=False)
class SequenceScores:
    """Scores of one ear over the frames of a clip; NaN on frames without truth.

    Args:
        j: (N,) region similarity.
        f: (N,) contour accuracy.
        dice: (N,) Dice coefficient.
    """

    j: Floats
    f: Floats
    dice: Floats

    @property
    def j_mean(self) -> float:
        """Mean J over the judged frames; NaN when there are none."""
        return _nan_mean(self.j)

    @property
    def f_mean(self) -> float:
        """Mean F over the judged frames; NaN when there are none."""
        return _nan_mean(self.f)

    @property
    def j_and_f(self) -> float:
        """Mean of `j_mean` and `f_mean`."""
        return (self.j_mean + self.f_mean) / 2

    @property
    def j_recall(self) -> float:
        """Fraction of judged frames with J above 0.5; NaN when there are none."""
        judged = self.j[np.isfinite(self.j)]
        return float((judged > 0.5).mean()) if judged.size else math.nan


def sequence_scores(
    preds: Iterable[Mask],
    truths: Iterable[Mask | None],
    ignores: Iterable[Mask | None] | None = None,
) -> SequenceScores:
    """Score the masks of one ear frame by frame; one frame of each is in memory at a time.

    Args:
        preds: (H, W) mask per frame.
        truths: (H, W) mask per frame, or None where the frame is not judged.
        ignores: (H, W) mask per frame, or None where every pixel is judged.

    Raises:
        ValueError: The numbers of frames or the shapes differ.
    """
    rows: list[tuple[float, float, float]] = []
    pairs = zip(preds, truths, strict=True)
    bands = itertools.repeat(None) if ignores is None else ignores
    for (pred, truth), ignore in zip(pairs, bands, strict=ignores is not None):
        if truth is None:
            rows.append((math.nan, math.nan, math.nan))
            continue
        f = boundary_f(pred, truth, ignore=ignore)
        rows.append((iou(pred, truth, ignore), f, dice(pred, truth, ignore)))
    table = np.array(rows, float).reshape(-1, 3)
    return SequenceScores(table[:, 0], table[:, 1], table[:, 2])


def nme(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    visible: npt.ArrayLike | None = None,
    norm: npt.ArrayLike | None = None,
) -> float:
    """Normalized mean error of landmarks: mean distance over a length.

    Args:
        pred: (..., K, 2) `(x, y)` in pixels. NaN = not given, which is left out of the mean;
            `pck` counts it as a miss.
        truth: (..., K, 2) `(x, y)` in pixels; NaN = not judged.
        visible: (..., K), which landmarks of the truth are judged; None judges all.
        norm: Length in pixels, one or (...); None takes the diagonal of the box around the
            judged landmarks of the truth, as iBUG does for ears.

    Returns:
        The error as a fraction of `norm`; NaN when there is nothing to judge.

    Raises:
        ValueError: The shapes do not fit, or a length is not positive.
    """
    distances, judged = _relative_distances(pred, truth, visible, norm)
    return _nan_mean(distances[judged])


def pck(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    visible: npt.ArrayLike | None = None,
    norm: npt.ArrayLike | None = None,
    alpha: float = 0.05,
) -> float:
    """Percentage of correct keypoints, as a fraction: landmarks within `alpha` times a length.

    Args:
        pred: (..., K, 2) `(x, y)` in pixels; NaN = not given, a miss.
        truth: (..., K, 2) `(x, y)` in pixels; NaN = not judged.
        visible: (..., K), which landmarks of the truth are judged; None judges all.
        norm: Length in pixels, as for `nme`.
        alpha: Largest distance of a correct landmark, as a fraction of `norm`.

    Returns:
        0 to 1; NaN when there is nothing to judge.

    Raises:
        ValueError: The shapes do not fit, or a length is not positive.
    """
    distances, judged = _relative_distances(pred, truth, visible, norm)
    return float((distances[judged] <= alpha).mean()) if judged.any() else math.nan


def _judged(a: Mask, b: Mask, ignore: Mask | None) -> tuple[Bools, Bools]:
    first, second = np.asarray(a) != 0, np.asarray(b) != 0
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"masks of one size (H, W) are needed, not {first.shape}, {second.shape}")
    if ignore is None:
        return first, second
    judged = np.asarray(ignore) == 0
    if judged.shape != first.shape:
        raise ValueError(f"ignore has the shape {judged.shape}, the masks have {first.shape}")
    return first & judged, second & judged


def _contour(mask: Mask) -> Bools:
    """Mark pixels that differ from their right, lower or lower right neighbor, as DAVIS does."""
    painted = np.pad(np.asarray(mask) != 0, ((0, 1), (0, 1)), mode="edge")
    here = painted[:-1, :-1]
    contour: Bools = here != painted[:-1, 1:]
    contour |= here != painted[1:, :-1]
    contour |= here != painted[1:, 1:]
    return contour


def _within(contour: Bools, radius: int) -> Bools:
    """Mark pixels at most `radius` pixels from a contour."""
    if not contour.any():
        return contour
    away = cv2.distanceTransform((~contour).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= radius)


def _fraction(contour: Bools, near: Bools) -> float:
    count = np.count_nonzero(contour)
    return np.count_nonzero(contour & near) / count if count else 1.0


def _nan_mean(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else math.nan


def _relative_distances(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    visible: npt.ArrayLike | None,
    norm: npt.ArrayLike | None,
) -> tuple[Floats, Bools]:
    """Give distances as fractions of `norm`, (..., K), NaN where not given, and what to judge."""
    given, true = np.asarray(pred, float), np.asarray(truth, float)
    if given.shape != true.shape or true.ndim < 2 or true.shape[-1] != 2:
        raise ValueError(f"landmarks (..., K, 2) are needed, not {given.shape}, {true.shape}")
    judged = np.isfinite(true).all(axis=-1)
    if visible is not None:
        judged &= np.broadcast_to(np.asarray(visible) != 0, judged.shape)
    lengths = _box_diagonals(true, judged) if norm is None else np.asarray(norm, float)
    lengths = np.broadcast_to(lengths, judged.shape[:-1])[..., None]
    if (judged & ~(lengths > 0)).any():
        raise ValueError("norm must be a positive length; give one for fewer than two landmarks")
    distances = np.full(judged.shape, np.nan)
    offsets = np.where(judged[..., None], given - true, np.nan)
    np.divide(np.hypot(offsets[..., 0], offsets[..., 1]), lengths, out=distances, where=judged)
    return distances, judged


def _box_diagonals(points: Floats, judged: Bools) -> Floats:
    """Diagonal of the box around the judged points: (..., K, 2) to (...)."""
    chosen = judged[..., None]
    high = np.where(chosen, points, -np.inf).max(axis=-2, initial=-np.inf)
    low = np.where(chosen, points, np.inf).min(axis=-2, initial=np.inf)
    return np.asarray(np.hypot(*np.moveaxis(np.maximum(high - low, 0), -1, 0)))
