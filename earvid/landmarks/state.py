"""All that a track of landmarks knows, as bytes and back, exactly."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earvid.errors import StoreError
from earvid.landmarks.chart import Float, Gray, Placed

_PLACES = ("start", "placed", "sure")


@dataclass(eq=False)
class TrackState:
    """What is known of the landmarks of one ear.

    Args:
        given: ``(K,)`` bool, which landmarks there are.
        trust: ``(K,)`` float32, how sure they are on the keyframe, 0..1.
        points: ``(N, 2)`` in the chart: these landmarks, then corners between them.
        area: ``(SMALL, SMALL)`` uint8, 255 where the ear is in the chart, or close.
        start: where the chart lies on the keyframe.
        placed: where it lay on the last frame on which the ear was seen.
        sure: where it lay when most of the ear was seen.
        bent: ``(N, 2)`` displacements of the points on that frame.
        last: ``(SIDE, SIDE)`` chart of that frame.
        charts: views of the ear, the keyframe first.
        variances: ``(N,)`` of the places of the points on each of them.
        lost: whether the ear must be searched for.
        count: frames so far.
    """

    given: NDArray[np.bool_]
    trust: NDArray[np.float32]
    points: Float
    area: Gray
    start: Placed
    placed: Placed
    sure: Placed
    bent: Float
    last: Gray
    charts: list[Gray]
    variances: list[Float]
    lost: bool = False
    count: int = 0

    @classmethod
    def first(
        cls,
        given: NDArray[np.bool_],
        trust: NDArray[np.floating],
        points: Float,
        area: Gray,
        start: Placed,
        chart: Gray,
    ) -> TrackState:
        """Right after the keyframe."""
        exact = np.zeros(len(points))
        still = np.zeros_like(points)
        trust = trust.astype(np.float32)
        return cls(given, trust, points, area, start, start, start, still, chart, [chart], [exact])


def dump_state(state: TrackState) -> bytes:
    """Serialize a state; numbers are exact."""
    places = {
        f"{name}.{part}": value
        for name in _PLACES
        for part, value in vars(getattr(state, name)).items()
    }
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        "given": state.given,
        "trust": state.trust,
        "points": state.points,
        "area": state.area,
        "bent": state.bent,
        "last": state.last,
        "charts": np.stack(state.charts),
        "variances": np.stack(state.variances),
        "numbers": np.array([state.lost, state.count], np.int64),
        **places,
    }
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def load_state(data: bytes) -> TrackState:
    """Restore what :func:`dump_state` wrote.

    Raises:
        StoreError: the bytes are damaged.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as saved:
            places = {n: Placed(saved[f"{n}.affine"], saved[f"{n}.field"]) for n in _PLACES}
            lost, count = saved["numbers"].tolist()
            return TrackState(
                given=saved["given"],
                trust=saved["trust"],
                points=saved["points"],
                area=saved["area"],
                bent=saved["bent"],
                last=saved["last"],
                charts=list(saved["charts"]),
                variances=list(saved["variances"]),
                lost=bool(lost),
                count=count,
                **places,
            )
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(
            "The saved landmarks of this store are damaged; use --overwrite."
        ) from error
