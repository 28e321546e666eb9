"""What the benchmark came to: a table, and the comparisons that it was made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from earvid.evaluate.bench_measures import Measures
from earvid.evaluate.bench_rows import FULL_MEMORY, Row

MIB = 2**20
Value = Callable[[Measures], float | None]


@dataclass(frozen=True)
class Comparison:
    """Two rows, one measure, and what is made of it.

    Args:
        what: in words.
        first: name of a row.
        second: name of the row that it is compared with.
        value: the measure.
        kind: ``times``: first over second; ``change``: what the second adds, over the first;
            ``loss``: first minus second.
    """

    what: str
    first: str
    second: str
    value: Value
    kind: str = "times"


def _pace(one: Measures) -> float:
    return one.seconds_per_frame


def _overall(one: Measures) -> float:
    return 1 / one.frames_per_second


def _peak(one: Measures) -> float:
    return float(one.peak_bytes)


def _masks(one: Measures) -> float | None:
    return one.j_and_f


COMPARISONS: tuple[Comparison, ...] = (
    Comparison("nano, faster than stock tiny at 1024 px", "stock-tiny", "nano", _pace),
    Comparison("the same, all time counted", "stock-tiny", "nano", _overall),
    Comparison("nano, less memory than stock tiny", "stock-tiny", "nano", _peak),
    Comparison("tiny with crop, faster than stock tiny", "stock-tiny", "tiny-roi", _pace),
    Comparison("the same in bfloat16", "stock-tiny", "tiny-roi-bfloat16", _pace),
    Comparison("tiny without crop, faster than stock tiny", "stock-tiny", "tiny-whole", _pace),
    Comparison("nano with crop, faster than stock nano", "stock-nano", "nano", _pace),
    Comparison("nano with crop, J&F above stock nano", "nano", "stock-nano", _masks, "loss"),
    Comparison("nano, time over inference alone", "nano", "nano-alone", _pace),
    Comparison("second ear, of the first", "ears-1", "ears-2", _pace, "change"),
    Comparison("third and fourth ear, of two", "ears-2", "ears-4", _pace, "change"),
    Comparison("peak memory, 5,000 over 200 frames", "nano-5000", "nano", _peak),
    Comparison("bfloat16, faster", "nano", "nano-bfloat16", _pace),
    Comparison("bfloat16, J&F lost", "nano", "nano-bfloat16", _masks, "loss"),
    Comparison("int8, faster", "nano", "nano-int8", _pace),
    Comparison("int8, J&F lost", "nano", "nano-int8", _masks, "loss"),
    Comparison("tiny with crop, bfloat16, faster", "tiny-roi", "tiny-roi-bfloat16", _pace),
    Comparison("tiny with crop, int8, faster", "tiny-roi", "tiny-roi-int8", _pace),
)


@dataclass(frozen=True, eq=False)
class BenchReport:
    """All runs.

    Args:
        rows: what was run.
        runs: by name of a row, in the order of the turns.
        machine: what it ran on.
        failures: why the last run of a row failed, by its name.
    """

    rows: Sequence[Row]
    runs: Mapping[str, Sequence[Measures]]
    machine: Mapping[str, Any]
    failures: Mapping[str, str] = field(default_factory=dict)

    def middle(self, name: str, value: Value) -> float | None:
        """The median of a measure over the runs of a row."""
        values = [value(one) for one in self.runs[name]]
        known = [v for v in values if v is not None]
        return median(known) if known else None

    def comparisons(self) -> dict[str, float]:
        """Each by its words; the median over turns, in which rows ran side by side."""
        found: dict[str, float] = {}
        for device in dict.fromkeys(row.device for row in self.rows):
            end = "" if device == "cpu" else f"@{device}"
            for one in COMPARISONS:
                result = self._compared(one, end)
                if result is not None:
                    found[one.what + (f" ({device})" if end else "")] = result
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "machine": dict(self.machine),
            "full_memory_from_frame": FULL_MEMORY,
            "rows": [
                {
                    **row.to_dict(),
                    "weights": "trained" if row.trained else "random",
                    "seconds_per_frame": self.middle(row.name, _pace),
                    "frames_per_second": self.middle(row.name, lambda one: one.frames_per_second),
                    "mask_bytes_per_frame": self.middle(row.name, _mask_bytes),
                    "error": self.failures.get(row.name),
                    "runs": [one.to_dict() for one in self.runs[row.name]],
                }
                for row in self.rows
            ],
            "comparisons": self.comparisons(),
        }

    def to_text(self) -> str:
        """For people: what ran on what, the table, the stages, and the comparisons."""
        machine = self.machine
        head = (
            f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads"
            + (f", {machine['gpu']}" if machine["gpu"] else "")
            + f", torch {machine['torch']}; {machine['clip']}"
        )
        compared = [[what, _number(value)] for what, value in self.comparisons().items()]
        parts = [head, _aligned(self._table()), _NOTES, _aligned(self._stage_table())]
        failed = [f"{name} failed: {why}" for name, why in self.failures.items()]
        ends = [_aligned(compared) if compared else "", "\n".join(failed)]
        return "\n\n".join([*parts, *filter(None, ends)])

    def _compared(self, one: Comparison, end: str) -> float | None:
        first, second = self.runs.get(one.first + end), self.runs.get(one.second + end)
        if not first or not second:
            return None
        results = []
        # A row that failed has had fewer turns.
        for a, b in zip(map(one.value, first), map(one.value, second), strict=False):
            if a is None or b is None:
                return None
            results.append({"times": a / b, "change": (b - a) / a, "loss": a - b}[one.kind])
        return round(median(results), 4)

    def _table(self) -> list[list[str]]:
        cells = [[show(self, row) for _, show in _COLUMNS] for row in self.rows]
        return [[title for title, _ in _COLUMNS], *cells]

    def _stage_table(self) -> list[list[str]]:
        """Milliseconds per frame by stage, and the share of the time by the clock."""
        firsts = {row.name: runs[0] for row in self.rows if (runs := self.runs[row.name])}
        names = list(dict.fromkeys(stage for one in firsts.values() for stage in one.stages))
        cells = [[row, *(_stage(one, name) for name in names)] for row, one in firsts.items()]
        return [["stages", *names], *cells]


_NOTES = f"""\
s/frame: once the memory is full (from frame {FULL_MEMORY}), over the frames that are timed; of
earvid with decoding, landmarks and writing, of stock without reading the clip. CPU s/frame: of all
threads and frames. frames/s: all frames by all time, reading the clip included. None counts the
loading of the model. Peak memory, and what of it was there before the clip: PyTorch and the model.
Random weights have the time and memory of trained ones, and masks that mean nothing. J&F: without
the first frame.
Stages: ms per frame and share of the time; decoding and writing run beside the rest."""


def _mask_bytes(one: Measures) -> float | None:
    return None if one.mask_bytes is None else one.mask_bytes / one.frames


def _vram(one: Measures) -> float | None:
    return None if one.vram_bytes is None else float(one.vram_bytes)


def _stage(one: Measures, name: str) -> str:
    if name not in one.stages:
        return "-"
    seconds = one.stages[name]
    return f"{1000 * seconds / one.frames:.1f} ({seconds / one.wall_seconds:.0%})"


def _cell(value: Value, form: str) -> Callable[[BenchReport, Row], str]:
    def show(report: BenchReport, row: Row) -> str:
        found = report.middle(row.name, value)
        return "-" if found is None else format(found, form)

    return show


def _timed(report: BenchReport, row: Row) -> str:
    runs = report.runs[row.name]
    return f"{runs[0].timed_frames}/{runs[0].frames}" if runs else "-"


def _model(_report: BenchReport, row: Row) -> str:
    size = "" if row.image_size is None else f" {row.image_size} px"
    return f"{row.model.removeprefix('earvid-')}{size}"


_COLUMNS: tuple[tuple[str, Callable[[BenchReport, Row], str]], ...] = (
    ("row", lambda _, row: row.name),
    ("by", lambda _, row: row.engine),
    ("model", _model),
    ("weights", lambda _, row: "trained" if row.trained else "random"),
    ("lines", lambda _, row: str(row.lines)),
    ("ears", lambda _, row: str(row.ears)),
    ("timed", _timed),
    ("s/frame", _cell(_pace, ".4f")),
    ("CPU s/frame", _cell(lambda one: one.cpu_seconds / one.frames, ".4f")),
    ("frames/s", _cell(lambda one: one.frames_per_second, ".2f")),
    ("first mask s", _cell(lambda one: one.first_mask_seconds, ".2f")),
    ("peak MiB", _cell(lambda one: one.peak_bytes / MIB, ".0f")),
    ("before", _cell(lambda one: one.loaded_bytes / MIB, ".0f")),
    ("VRAM MiB", _cell(lambda one: None if (v := _vram(one)) is None else v / MIB, ".0f")),
    ("J&F", _cell(_masks, ".4f")),
    ("mask B/frame", _cell(_mask_bytes, ".0f")),
)


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 20 else f"{value:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
