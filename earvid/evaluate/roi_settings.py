"""Which crops are compared: one thing changed at a time, and what was best of each together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from earvid.errors import UsageError
from earvid.tracker import RoiSettings

PARTS = ("factor", "smoothing", "size")
FACTORS = (1.5, 1.8, 2.1, 2.5, 3.0, 4.0)
SMOOTHINGS = (0.0, 0.3, 0.5, 0.7, 0.85)
SIZES = (192, 256, 320)
_STEP = 32  # of the coarsest features of all models; inputs are whole multiples of it


@dataclass(frozen=True)
class RoiSetting:
    """How a crop follows its ear, and how large the model sees it.

    Args:
        factor: side of the crop over the longer side of the ear's box.
        smoothing: share of the old side that is kept per frame.
        size: side of the model's input, pixels.

    Raises:
        UsageError: a crop cannot be made so.
    """

    factor: float
    smoothing: float
    size: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.factor) and self.factor >= 1):
            raise UsageError(
                f"A crop must hold its ear; a factor of {self.factor} is not 1 or more."
            )
        if not 0 <= self.smoothing < 1:
            raise UsageError(
                f"A smoothing is at least 0 and below 1, where no crop would ever change; "
                f"it cannot be {self.smoothing}."
            )
        if self.size < _STEP or self.size % _STEP:
            raise UsageError(
                f"The model's input is a multiple of {_STEP} pixels wide, not {self.size}."
            )

    @classmethod
    def usual(cls, size: int) -> RoiSetting:
        """What ``earvid track`` does with a model whose input has a size."""
        settings = RoiSettings()
        return cls(settings.factor, settings.smoothing, size)

    def settings(self) -> RoiSettings:
        """The settings of a session; all that is not compared is as usual."""
        return RoiSettings(factor=self.factor, smoothing=self.smoothing)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class RoiPlan:
    """What is compared.

    Args:
        default: what everything is compared with.
        factors: to be tried, all else as in the default.
        smoothings: likewise.
        sizes: likewise.
    """

    default: RoiSetting
    factors: tuple[float, ...] = FACTORS
    smoothings: tuple[float, ...] = SMOOTHINGS
    sizes: tuple[int, ...] = SIZES

    def one_by_one(self) -> list[RoiSetting]:
        """The default, and all that differ from it in one thing."""
        return list(dict.fromkeys(one for part in PARTS for one in self.along(part)))

    def along(self, part: str) -> list[RoiSetting]:
        """The default, and all that differ from it in this thing.

        Args:
            part: ``"factor"``, ``"smoothing"`` or ``"size"``.
        """
        tried: tuple[float, ...] = getattr(self, f"{part}s")
        others = [replace(self.default, **{part: value}) for value in tried]  # type: ignore[arg-type]
        return list(dict.fromkeys([self.default, *others]))

    @property
    def all_sizes(self) -> tuple[int, ...]:
        """All sizes of input, the default's first."""
        return tuple(one.size for one in self.along("size"))

    def together(self, scores: Mapping[RoiSetting, float]) -> list[RoiSetting]:
        """The best of all things together, and the same with the default's input size.

        A larger input takes more time on every frame, so that both are worth knowing.

        Args:
            scores: of :meth:`one_by_one`.

        Returns:
            Those of the two that have no score yet.
        """
        best = {part: max(self.along(part), key=scores.__getitem__) for part in PARTS}
        crop = RoiSetting(best["factor"].factor, best["smoothing"].smoothing, self.default.size)
        both = dict.fromkeys([crop, replace(crop, size=best["size"].size)])
        return [one for one in both if one not in scores]


def default_plan(
    size: int,
    factors: tuple[float, ...] = (),
    smoothings: tuple[float, ...] = (),
    sizes: tuple[int, ...] = (),
) -> RoiPlan:
    """Compare what is given; all that is usually compared, if nothing is.

    Args:
        size: side of the model's own input, pixels.
        factors: to be tried.
        smoothings: likewise.
        sizes: likewise.

    Raises:
        UsageError: one of them makes no sense.
    """
    usual = RoiSetting.usual(size)
    given = bool(factors or smoothings or sizes)
    plan = RoiPlan(usual, factors, smoothings, sizes) if given else RoiPlan(usual)
    plan.one_by_one()  # says what makes no sense before anything is tracked
    return plan


__all__ = [
    "FACTORS",
    "PARTS",
    "SIZES",
    "SMOOTHINGS",
    "RoiPlan",
    "RoiSetting",
    "default_plan",
]
