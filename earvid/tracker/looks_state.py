"""How an ear looked, as tensors and plain values and back, exactly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from earvid.tracker.looks import Looks, Vector


def put_looks(tensors: dict[str, Tensor], name: str, looks: Looks) -> dict[str, Any]:
    """Add the vectors to ``tensors`` under names that begin with ``name``; returns the rest."""
    vectors = {
        **{f"keyframe.{index}": one for index, one in looks.keyframes.items()},
        **{f"view.{i}": one for i, one in enumerate(looks.views)},
        **{f"stranger.{i}": one for i, one in enumerate(looks.strangers)},
    }
    single = {"glimpse": looks.glimpse, "last": looks.last}
    vectors.update({part: one for part, one in single.items() if one is not None})
    for part, vector in vectors.items():
        tensors[f"{name}.{part}"] = torch.from_numpy(vector.copy())
    return {
        "keyframes": list(looks.keyframes),
        "views": len(looks.views),
        "box": looks.box,
        "steady": looks.steady,
        "likeness_now": looks.likeness_now,
        "usual": looks.usual,
        "spread": looks.spread,
        "doubtful": looks.doubtful,
        "strangers": len(looks.strangers),
        "contested": looks.contested,
        "duplicate_of": looks.duplicate_of,
    }


def take_looks(tensors: dict[str, Tensor], name: str, saved: dict[str, Any]) -> Looks:
    """Read what :func:`put_looks` wrote."""

    def vector(part: str) -> Vector:
        read: Vector = tensors[f"{name}.{part}"].numpy()
        return read

    def maybe(part: str) -> Vector | None:
        return vector(part) if f"{name}.{part}" in tensors else None

    return Looks(
        {index: vector(f"keyframe.{index}") for index in saved["keyframes"]},
        [vector(f"view.{i}") for i in range(saved["views"])],
        maybe("glimpse"),
        None if saved["box"] is None else tuple(saved["box"]),
        maybe("last"),
        saved["steady"],
        saved["likeness_now"],
        saved["usual"],
        saved["spread"],
        saved["doubtful"],
        [vector(f"stranger.{i}") for i in range(saved["strangers"])],
        saved["contested"],
        saved["duplicate_of"],
    )
