"""What was measured about crops, as one table and as plain values."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from earvid.evaluate.roi_scores import ClipScore
from earvid.evaluate.roi_settings import PARTS, RoiPlan, RoiSetting
from earvid.evaluate.tables import aligned, percent, plain, shown

Measure = Callable[[ClipScore], float]


@dataclass(frozen=True)
class RoiRow:
    """One setting on all clips.

    Scores are means over the clips of a group, and then over groups, so that it makes no difference
    how many clips of each there are.

    Args:
        setting: of the crop.
        j: region similarity.
        f: contour accuracy.
        j_and_f: mean of both.
        gain: J&F over the default's.
        gain_error: standard error of that over clips; ``None`` if a group has only one.
        by_group: J&F by group.
        false_presence: share of ears out of view that were painted; ``None`` without any.
        frames_per_second: of tracking alone, all ears of a frame together.
        crop: mean side of the crops, pixels of the frame.
    """

    setting: RoiSetting
    j: float
    f: float
    j_and_f: float
    gain: float
    gain_error: float | None
    by_group: dict[str, float]
    false_presence: float | None
    frames_per_second: float
    crop: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, rounded, in one level."""
        return {
            **self.setting.to_dict(),
            "j": plain(self.j),
            "f": plain(self.f),
            "j_and_f": plain(self.j_and_f),
            "gain": plain(self.gain),
            "gain_error": None if self.gain_error is None else plain(self.gain_error),
            **{f"j_and_f_{name}": plain(value) for name, value in self.by_group.items()},
            "false_presence": None if self.false_presence is None else plain(self.false_presence),
            "frames_per_second": plain(self.frames_per_second, 2),
            "crop": plain(self.crop, 1),
        }


@dataclass(frozen=True, eq=False)
class RoiReport:
    """All that was measured.

    Args:
        plan: what was compared.
        results: of every setting on every clip.
    """

    plan: RoiPlan
    results: tuple[ClipScore, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """What the clips are made of, in order."""
        return tuple(dict.fromkeys(r.group for r in self.results))

    @property
    def settings(self) -> tuple[RoiSetting, ...]:
        """The settings, the default first."""
        return tuple(dict.fromkeys(r.setting for r in self.results))

    def scores(self) -> dict[RoiSetting, float]:
        """Mean J&F of every setting."""
        return {setting: self._mean(setting, lambda r: r.j_and_f) for setting in self.settings}

    def rows(self) -> list[RoiRow]:
        """Setting by setting, the default first."""
        return [self.row(setting) for setting in self.settings]

    def row(self, setting: RoiSetting) -> RoiRow:
        """Sum up one setting."""
        chosen = self._of(setting)
        absent = sum(r.absent for r in chosen)
        gain, error = self._gain(setting)
        return RoiRow(
            setting=setting,
            j=self._mean(setting, lambda r: r.j),
            f=self._mean(setting, lambda r: r.f),
            j_and_f=self._mean(setting, lambda r: r.j_and_f),
            gain=gain,
            gain_error=error,
            by_group={g: self._mean(setting, lambda r: r.j_and_f, g) for g in self.groups},
            false_presence=sum(r.painted for r in chosen) / absent if absent else None,
            frames_per_second=sum(r.frames for r in chosen) / sum(r.seconds for r in chosen),
            crop=self._mean(setting, lambda r: r.crop),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "default": self.plan.default.to_dict(),
            "table": [row.to_dict() for row in self.rows()],
            "clips": [result.to_dict() for result in self.results],
        }

    def to_csv(self) -> str:
        """The table as comma-separated values; empty where nothing was to be measured."""
        rows = [row.to_dict() for row in self.rows()]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def to_text(self) -> str:
        """The table for people."""
        head = [
            "setting", "factor", "smoothing", "input", "J", "F", "J&F", *self.groups,
            "gain", "false presence", "crop px", "frames/s",
        ]  # fmt: skip
        cells = [self._cells(row) for row in self.rows()]
        counts = {g: len({r.clip for r in self.results if r.group == g}) for g in self.groups}
        clips = ", ".join(f"{n} {group}" for group, n in counts.items())
        return "\n".join([*aligned([head, *cells], left=1), "", f"Clips: {clips}."])

    def _cells(self, row: RoiRow) -> list[str]:
        one = row.setting
        error = "" if row.gain_error is None else f" ± {row.gain_error:.3f}"
        return [
            self.title(one),
            *(f"{value:g}" for value in (one.factor, one.smoothing, one.size)),
            *(shown(value) for value in (row.j, row.f, row.j_and_f, *row.by_group.values())),
            "" if one == self.plan.default else f"{row.gain:+.3f}{error}",
            percent(row.false_presence),
            f"{row.crop:.0f}",
            f"{row.frames_per_second:.1f}",
        ]

    def title(self, setting: RoiSetting) -> str:
        """In what a setting differs from the default."""
        default = self.plan.default
        differs = [part for part in PARTS if getattr(setting, part) != getattr(default, part)]
        return " and ".join(differs) or "default"

    def _of(self, setting: RoiSetting) -> list[ClipScore]:
        return [r for r in self.results if r.setting == setting]

    def _mean(self, setting: RoiSetting, measure: Measure, group: str | None = None) -> float:
        chosen = self._of(setting)
        groups = self.groups if group is None else (group,)
        return float(
            np.mean([np.mean([measure(r) for r in chosen if r.group == g]) for g in groups])
        )

    def _gain(self, setting: RoiSetting) -> tuple[float, float | None]:
        """Mean gain over the default on the same clips, and its standard error."""
        usual = {(r.group, r.clip): r.j_and_f for r in self._of(self.plan.default)}
        gains = [
            np.array([
                r.j_and_f - usual[r.group, r.clip] for r in self._of(setting) if r.group == group
            ])
            for group in self.groups
        ]  # fmt: skip
        mean = float(np.mean([one.mean() for one in gains]))
        if min(len(one) for one in gains) < 2:
            return mean, None
        variances = [one.var(ddof=1) / len(one) for one in gains]
        return mean, float(np.sqrt(np.sum(variances)) / len(gains))
