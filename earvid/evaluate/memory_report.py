"""What was measured about memory policies, as one table, as plain values, and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from earvid.evaluate.memory_scores import EarScore, clip_quality, in_time
from earvid.evaluate.tables import aligned, mean, percent, plain, shown

ALL = "all"


@dataclass(frozen=True, eq=False)
class ClipResult:
    """One policy on one clip.

    Args:
        policy: its name.
        kind: of the clip.
        clip: its name.
        frames: its length.
        scores: of the tracked ears, by object id.
        ms_per_frame: time of tracking alone, milliseconds, all ears together.
        bank_bytes: the largest bank of an ear, bytes.
        bank_full_at: the frame from which on no bank grew beyond that.
    """

    policy: str
    kind: str
    clip: str
    frames: int
    scores: dict[int, EarScore]
    ms_per_frame: float
    bank_bytes: int
    bank_full_at: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without those of single frames."""
        ears = self.scores.values()
        absent = np.concatenate([e.painted_absent for e in ears])
        return {
            "policy": self.policy,
            "kind": self.kind,
            "clip": self.clip,
            "frames": self.frames,
            "j_and_f": plain(clip_quality(self.scores)),
            "j_and_f_after_return": plain(clip_quality(self.scores, after=True)),
            "frames_until_found": [delay for e in ears for delay in e.found],
            "absent_frames": absent.size,
            "painted_absent_frames": int(absent.sum()),
            "swaps": sum(e.swaps for e in ears),
            "frames_on_another_ear": sum(int(e.taken.sum()) for e in ears),
            "ms_per_frame": plain(self.ms_per_frame, 2),
            "bank_bytes": self.bank_bytes,
            "bank_full_at": self.bank_full_at,
        }


@dataclass(frozen=True)
class FurtherEar:
    """What a second ear costs.

    Args:
        first: milliseconds per frame with one ear.
        further: milliseconds per frame that a second one adds.
    """

    first: float
    further: float


@dataclass(frozen=True)
class Row:
    """One policy on all clips of one kind, or of all kinds.

    Args:
        policy: its name.
        kind: of the clips, or ``"all"``.
        clips: how many.
        j_and_f: mean over clips.
        j_and_f_after_return: mean over clips, on frames after an absence; ``None`` without any.
        returns: how often an ear came back after at least 5 frames away.
        found_within_10: how often it was found within 10 frames.
        absent_frames: on which an ear was wholly out of view.
        false_presence: share of them on which it was painted; ``None`` without any.
        swapped_clips: clips in which a mask went over to another's ear for at least 3 frames.
        ms_per_frame: of tracking.
        bank_bytes: of the largest bank.
        bank_full_at: the last frame on which a bank grew.
    """

    policy: str
    kind: str
    clips: int
    j_and_f: float | None
    j_and_f_after_return: float | None
    returns: int
    found_within_10: int
    absent_frames: int
    false_presence: float | None
    swapped_clips: int
    ms_per_frame: float | None
    bank_bytes: int
    bank_full_at: int


@dataclass(frozen=True, eq=False)
class MemoryReport:
    """All that was measured.

    Args:
        results: of every policy on every clip.
        further: cost of a second ear with its own crop, by policy.
        shared: cost of a second ear where both look at the same crop, encoded once.
    """

    results: tuple[ClipResult, ...]
    further: dict[str, FurtherEar]
    shared: FurtherEar

    @property
    def policies(self) -> tuple[str, ...]:
        """Names of the policies, in order."""
        return tuple(dict.fromkeys(r.policy for r in self.results))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the clips, in order."""
        return tuple(dict.fromkeys(r.kind for r in self.results))

    def rows(self) -> list[Row]:
        """All kinds together first, then each, policy by policy."""
        kinds = (ALL, *self.kinds) if len(self.kinds) > 1 else self.kinds
        return [self.row(policy, kind) for kind in kinds for policy in self.policies]

    def row(self, policy: str, kind: str = ALL) -> Row:
        """Sum up one policy."""
        chosen = [r for r in self.results if r.policy == policy and kind in (ALL, r.kind)]
        told = [r.to_dict() for r in chosen]
        delays = [delay for one in told for delay in one["frames_until_found"]]
        absent = sum(one["absent_frames"] for one in told)
        painted = sum(one["painted_absent_frames"] for one in told)
        return Row(
            policy=policy,
            kind=kind,
            clips=len(chosen),
            j_and_f=mean(one["j_and_f"] for one in told),
            j_and_f_after_return=mean(one["j_and_f_after_return"] for one in told),
            returns=len(delays),
            found_within_10=in_time(delays),
            absent_frames=absent,
            false_presence=round(painted / absent, 4) if absent else None,
            swapped_clips=sum(one["swaps"] > 0 for one in told),
            ms_per_frame=mean((one["ms_per_frame"] for one in told), 2),
            bank_bytes=max(r.bank_bytes for r in chosen),
            bank_full_at=max(r.bank_full_at for r in chosen),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "table": [asdict(row) for row in self.rows()],
            "ms_of_a_further_ear": {
                "by_policy": {name: _cost(one) for name, one in self.further.items()},
                "same_crop": _cost(self.shared),
            },
            "clips": [result.to_dict() for result in self.results],
        }

    def to_csv(self) -> str:
        """The table as comma-separated values; empty where nothing was to be measured."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(asdict(row).values() for row in self.rows())
        return text.getvalue()

    def to_text(self) -> str:
        """The table for people."""
        rows = [[show(row) for _, show in _COLUMNS] for row in self.rows()]
        for cells, row in zip(rows, self.rows(), strict=True):
            cost = self.further[row.policy].further
            cells.append(f"{cost:.1f}" if row.kind == self.rows()[0].kind else "")
        lines = [*aligned([[*(title for title, _ in _COLUMNS), "ms further ear"], *rows])]
        for at in range(len(lines) - len(self.policies), 1, -len(self.policies)):
            lines.insert(at, "")
        same = self.shared
        return "\n".join([*lines, "", _SHARED.format(same.further, same.first)])


_SHARED = "A further ear in the same crop, which is encoded once, takes {:.1f} ms beside {:.1f} ms."
_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("clips", lambda row: f"{row.clips} {row.kind}"),
    ("policy", lambda row: row.policy),
    ("J&F", lambda row: shown(row.j_and_f)),
    ("after return", lambda row: shown(row.j_and_f_after_return)),
    ("found in 10", lambda row: f"{row.found_within_10}/{row.returns}" if row.returns else "-"),
    ("false presence", lambda row: percent(row.false_presence)),
    ("swapped clips", lambda row: str(row.swapped_clips)),
    ("ms/frame", lambda row: "-" if row.ms_per_frame is None else f"{row.ms_per_frame:.1f}"),
    ("bank KiB", lambda row: f"{row.bank_bytes / 1024:.0f}"),
    ("full at frame", lambda row: str(row.bank_full_at)),
)


def _cost(one: FurtherEar) -> dict[str, float | None]:
    return {"first": plain(one.first, 2), "further": plain(one.further, 2)}
