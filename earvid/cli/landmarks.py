"""``earvid landmarks``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from earvid.cli.messages import say
from earvid.cli.options import FILE, as_path, refuse_given

if TYPE_CHECKING:
    from earvid.store import Store


@click.command("landmarks")
@click.argument("store", type=FILE, callback=as_path)
@click.option(
    "--frame",
    type=click.IntRange(min=0),
    required=True,
    metavar="N",
    help="Frame to write the landmarks of, counted from 0.",
)
@click.option("--ear", metavar="NAME", help="Which ear, where there are several.")
@click.option(
    "--to",
    "output",
    type=FILE,
    callback=as_path,
    required=True,
    metavar="FILE",
    help="Where to: .json, .csv or iBUG .pts.",
)
@click.option("--smooth", is_flag=True, help="Smooth them over time first, without a lag.")
@click.option(
    "--window",
    type=click.IntRange(min=3),
    default=7,
    show_default=True,
    metavar="N",
    help="Frames over which to smooth, an odd number.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
@click.pass_context
def command(
    ctx: click.Context,
    store: Path,
    frame: int,
    ear: str | None,
    output: Path,
    smooth: bool,
    window: int,
    overwrite: bool,
) -> None:
    """Write the landmarks of one frame of a STORE to a file.

    Correct them there, and track the clip again with the file as a further keyframe: the landmarks
    are followed anew from it. Landmarks that are lost on the frame are left out.

    \b
    Examples:
      earvid landmarks clip.earvid.zarr --frame 45 --to fix.json
    """
    if not smooth:
        refuse_given(ctx, "without --smooth", "window")
    from earvid.landmarks import write_landmarks
    from earvid.store import Store

    opened = Store.open(store)
    column = _column(opened, ear)
    points = _points(opened, column, frame, window if smooth else None)
    write_landmarks(output, points, overwrite=overwrite)
    missing = len(opened.keypoints) - len(points)
    lost = f"; {missing} are lost on this frame" if missing else ""
    say(f"{len(points)} landmarks of {opened.object_names[column]} at frame {frame}{lost}")


def _column(store: Store, ear: str | None) -> int:
    from earvid.errors import UsageError

    names = list(store.object_names)
    if not store.keypoints:
        raise UsageError(f"{store.path} has no landmarks; track the clip with --landmarks.")
    if ear is None and len(names) > 1:
        raise UsageError(f"There are several ears; choose one with --ear: {', '.join(names)}.")
    if ear is not None and ear not in names:
        raise UsageError(f"There is no ear {ear!r}; choose from {', '.join(names)}.")
    return 0 if ear is None else names.index(ear)


def _points(
    store: Store, column: int, frame: int, window: int | None
) -> dict[str, tuple[float, float]]:
    import numpy as np

    from earvid.errors import UsageError
    from earvid.landmarks import smooth_landmarks

    if frame >= store.frame_count:
        raise UsageError(f"The clip has {store.frame_count} frames; choose one below.")
    position = np.asarray(store.tracks.position)[:, :, :, column]
    if window is not None:
        position = smooth_landmarks(position, window)
    found = {
        name: (float(x), float(y))
        for name, (x, y) in zip(store.keypoints, position[frame].T, strict=True)
        if np.isfinite((x, y)).all()
    }
    if not found:
        raise UsageError(f"No landmark is known on frame {frame}; choose another.")
    return found
