"""What a run came to, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earvid.store import Store, StorePath


@dataclass(frozen=True)
class ObjectSummary:
    """One ear over the whole clip.

    Args:
        name: of the ear.
        visible: frames on which it was seen.
        mean_score: mean predicted IoU over them; NaN when it was never seen.
        absent: half-open spans of frames without it.
        seen: share of the frames that are done on which it was seen.
        corrected: frames on which somebody corrected it.
        ruled_out: how many of them those are on which somebody said that it is absent.
        duplicate_of: by name of another ear, frames on which it was seen in the place of that one,
            which kept it.
    """

    name: str
    visible: int
    mean_score: float
    absent: tuple[tuple[int, int], ...]
    seen: float
    corrected: tuple[int, ...] = ()
    ruled_out: int = 0
    duplicate_of: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sureness:
    """A guess of landmarks.

    Args:
        frame: where.
        sure: probability that it is right on average.
        used: whether that was enough to follow them.
    """

    frame: int
    sure: float
    used: bool


@dataclass(frozen=True)
class TrackReport:
    """What a run came to.

    Args:
        store: where the results are.
        frames: frames of the clip.
        tracked: frames that this run tracked; fewer than ``frames`` when it resumed, 0 when all
            was done before.
        seconds: wall time of tracking and writing in this run, after the model was loaded.
        ears: one summary per ear.
        warnings: what the reader noticed about the clip.
        corrected: of a correction, half-open spans that were tracked anew, by name of the ear.
        guessed: landmarks that were guessed because the prompt had none, by name of the ear.
    """

    store: StorePath
    frames: int
    tracked: int
    seconds: float
    ears: tuple[ObjectSummary, ...]
    warnings: tuple[str, ...] = ()
    corrected: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    guessed: Mapping[str, Sureness] = field(default_factory=dict)

    @property
    def frames_per_second(self) -> float:
        """Frames tracked per second of wall time, model loading apart."""
        return self.tracked / self.seconds if self.seconds > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        corrected = {name: [list(span) for span in found] for name, found in self.corrected.items()}
        guessed = {
            name: {"frame": one.frame, "sure": round(one.sure, 3), "used": one.used}
            for name, one in self.guessed.items()
        }
        return {
            "store": str(self.store),
            "frames": self.frames,
            "tracked": self.tracked,
            "seconds": round(self.seconds, 3),
            "frames_per_second": round(self.frames_per_second, 2),
            "ears": [ear_dict(ear) for ear in self.ears],
            "warnings": list(self.warnings),
            **({"corrected": corrected} if corrected else {}),
            **({"guessed_landmarks": guessed} if guessed else {}),
        }


def ear_dict(ear: ObjectSummary) -> dict[str, Any]:
    """Plain values of a summary; a missing mean is ``None``, which JSON knows."""
    return {
        "name": ear.name,
        "visible": ear.visible,
        "seen": round(ear.seen, 4),
        "mean_score": None if np.isnan(ear.mean_score) else round(ear.mean_score, 4),
        "absent": [list(span) for span in ear.absent],
        "corrected": list(ear.corrected),
        "ruled_out": ear.ruled_out,
        **({"duplicate_of": dict(ear.duplicate_of)} if ear.duplicate_of else {}),
    }


def summarize(store: Store) -> tuple[ObjectSummary, ...]:
    """Summarize each ear of a store over the frames that are done."""
    done = np.asarray(store.status) > 0
    area = np.asarray(store.tracks.area)
    score = np.asarray(store.tracks.score)
    corrected, ruled_out = store.corrected, store.ruled_out & done[:, None]
    return tuple(
        replace(
            _summary(name, done, area[:, n] > 0, score[:, n]),
            corrected=tuple(np.flatnonzero(corrected[:, n]).tolist()),
            ruled_out=int(ruled_out[:, n].sum()),
            duplicate_of=_duplicates(store, n, done),
        )
        for n, name in enumerate(store.object_names)
    )


def _summary(
    name: str,
    done: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    score: NDArray[np.float32],
) -> ObjectSummary:
    seen = seen & done
    mean = float(np.mean(score[seen])) if seen.any() else float("nan")
    share = float(seen.sum() / max(1, done.sum()))
    return ObjectSummary(name, int(seen.sum()), mean, spans(done & ~seen), share)


def _duplicates(store: Store, column: int, done: NDArray[np.bool_]) -> dict[str, int]:
    """Frames on which an ear yielded its place, by the name of the ear that kept it."""
    others = store.tracks.duplicate_of[done, column]
    names = zip(store.object_ids, store.object_names, strict=True)
    counts = {name: int(np.count_nonzero(others == number)) for number, name in names}
    return {name: count for name, count in counts.items() if count}


def spans(flags: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Half-open spans of consecutive true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return tuple((int(a), int(b)) for a, b in edges.reshape(-1, 2))
