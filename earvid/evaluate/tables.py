"""Tables of what was measured: cells in columns, and numbers as cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def aligned(rows: Sequence[Sequence[str]], left: int = 2) -> list[str]:
    """Lines of a table, its columns below one another.

    Args:
        rows: the cells, the head first; as many in each row.
        left: how many columns are set to the left; the others, of numbers, to the right.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def mean(values: Iterable[float | None], digits: int = 4) -> float | None:
    """Mean of what was measured; ``None`` when nothing was."""
    there = [value for value in values if value is not None]
    return round(float(np.mean(there)), digits) if there else None


def plain(value: float, digits: int = 4) -> float | None:
    """A rounded number, or ``None`` for NaN, which JSON does not know."""
    return None if np.isnan(value) else round(float(value), digits)


def shown(value: float | None) -> str:
    """A score as a cell."""
    return "-" if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    """A share as a cell."""
    return "-" if value is None else f"{100 * value:.1f} %"
