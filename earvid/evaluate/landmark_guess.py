"""How far guessed landmarks are from those that people placed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earvid.landmarks.guess import Guess, LandmarkModel
from earvid.landmarks.guess.contours import (
    CONTOURS,
    contour_distances,
    diagonal,
    faces_right,
    split_errors,
)
from earvid.landmarks.guess.crops import Box

Float = NDArray[np.float64]
RIGHT = 0.045  # mean error in diagonals up to which a guess counts as right
_BINS = 5


@dataclass(frozen=True, eq=False)
class Judged:
    """A guess beside the truth; errors are in diagonals of the true points' box.

    Args:
        guess: the guess.
        error: ``(55,)`` distances.
        along: ``(55,)`` parts along the true contour.
        across: ``(55,)`` parts across it.
        contour: ``(55,)`` distances to the true contour of the point's group.
    """

    guess: Guess
    error: Float
    along: Float
    across: Float
    contour: Float


@dataclass(frozen=True)
class GuessScores:
    """What guesses on some photos come to; errors are in diagonals of the ears' boxes.

    Args:
        photos: how many.
        nme: mean error over photos and points.
        median: median over photos of a photo's mean error.
        worst: the largest mean error of a photo.
        along: mean part of the error along the contour.
        across: mean part across it.
        contour: mean distance to the true contour.
        groups: mean error and mean distance to the contour of each group of points.
        right: share of photos with a mean error of at most 4.5 %.
        sure: mean of what the guesses said about that.
        calibration: expected calibration error of the points' confidences.
        sides: share of photos whose side is right.
    """

    photos: int
    nme: float
    median: float
    worst: float
    along: float
    across: float
    contour: float
    groups: dict[str, tuple[float, float]]
    right: float
    sure: float
    calibration: float
    sides: float

    def sentence(self) -> str:
        """The scores in a line."""
        return (
            f"{self.photos} photos: NME {self.nme:.4f} (median {self.median:.4f}, worst "
            f"{self.worst:.4f}), along {self.along:.4f}, across {self.across:.4f}, to the contour "
            f"{self.contour:.4f}; {self.right:.0%} right, sure {self.sure:.2f}; side "
            f"{self.sides:.0%} right"
        )

    def lines(self) -> list[str]:
        """The scores in a line, and a line for each group of points."""
        parts = [
            f"  {name}: error {error:.4f}, to the contour {contour:.4f}"
            for name, (error, contour) in self.groups.items()
        ]
        return [self.sentence(), *parts]


def box_of(points: Float) -> Box:
    """The box around points, pixels."""
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    return float(x0), float(y0), float(x1), float(y1)


def judge_guess(guess: Guess, truth: Float) -> Judged:
    """Compare a guess with ``(55, 2)`` true points."""
    size = diagonal(truth)
    found = guess.points.astype(float)
    along, across = split_errors(found, truth)
    error = np.linalg.norm(found - truth, axis=1)
    contour = contour_distances(found, truth)
    return Judged(guess, error / size, along / size, across / size, contour / size)


def score_guesses(
    model: LandmarkModel, photos: Iterable[tuple[NDArray[np.uint8], Float]]
) -> GuessScores:
    """Guess the landmarks of photos, given the boxes of the true ones, and compare.

    Args:
        model: what guesses.
        photos: images ``(H, W, 3)`` uint8 RGB, each with its ``(55, 2)`` true points.
    """
    judged, sides = [], []
    for image, truth in photos:
        guess = model.guess(image, box_of(truth))
        judged.append(judge_guess(guess, truth))
        sides.append((guess.side == "right") == faces_right(truth))
    return summary(judged, sides)


def summary(judged: Sequence[Judged], sides: Sequence[bool]) -> GuessScores:
    """The scores of at least one guess."""
    error, along, across, contour = (
        np.stack([getattr(j, name) for j in judged])
        for name in ("error", "along", "across", "contour")
    )
    confidence = np.stack([j.guess.confidence for j in judged])
    each = error.mean(1)
    return GuessScores(
        photos=len(judged),
        nme=float(each.mean()),
        median=float(np.median(each)),
        worst=float(each.max()),
        along=float(along.mean()),
        across=float(across.mean()),
        contour=float(contour.mean()),
        groups={
            name: (float(error[:, a:b].mean()), float(contour[:, a:b].mean()))
            for name, (a, b) in CONTOURS.items()
        },
        right=float((each <= RIGHT).mean()),
        sure=float(np.mean([j.guess.sure for j in judged])),
        calibration=calibration_error(confidence.ravel(), error.ravel() <= RIGHT),
        sides=float(np.mean(sides)),
    )


def calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Expected difference between confidence and share of what is right (Naeini et al. 2015)."""
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(float(confidence[place == k].mean()) - float(right[place == k].mean()))
        * float((place == k).mean())
        for k in range(_BINS)
        if (place == k).any()
    ]
    return float(sum(gaps))
