"""The formats, each with its file here, and how one of them is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from earvid.errors import EarvidError, StoreError, UsageError
from earvid.export.output import check_target, draft
from earvid.export.selection import Selection
from earvid.export.view import View
from earvid.store import RemotePath, Store
from earvid.video import Clip

Picture = Literal["overlay", "matte", "crop"]
Progress = Callable[[int, int], None]
ALL = Selection()


@dataclass(frozen=True)
class Format:
    """A format.

    Args:
        about: in a few words.
        module: of this package, whose ``write(view, path, job)`` writes it.
        suffix: what follows the clip's name by default, and what an output's name has to end in
            unless `endings` says otherwise.
        endings: others that an output's name may end in.
        needs: packages that have to be installed.
        marker: of a folder, the file in it that tells where it is from; empty for a file.
        landmarks: whether it holds nothing but landmarks.
        clip: whether it shows the clip.
    """

    about: str
    module: str
    suffix: str
    endings: tuple[str, ...]
    needs: tuple[str, ...] = ()
    marker: str = ""
    landmarks: bool = False
    clip: bool = False


FORMATS = {
    "coco": Format(
        "COCO JSON: masks as run lengths, boxes, keypoints",
        "coco", ".coco.json", (".json",), needs=("pycocotools",)),
    "csv": Format(
        "tidy table, one row per frame and ear",
        "table", ".ears.csv", (".csv",)),
    "csv-landmarks": Format(
        "tidy table, one row per frame, ear and landmark",
        "landmark_table", ".landmarks.csv", (".csv",), landmarks=True),
    "dlc": Format(
        "DeepLabCut table of landmarks",
        "dlc", ".dlc.csv", (".csv",), landmarks=True),
    "sleap": Format(
        "SLEAP project with predicted landmarks",
        "sleap", ".slp", (".slp",), needs=("sleap_io",), landmarks=True),
    "png": Format(
        "folder of label images, one per frame",
        "png", ".labels", ("",), marker="labels.json"),
    "mp4": Format(
        "video: overlay, matte or crop",
        "mp4", ".mp4", (".mp4",), clip=True),
    "seg.nrrd": Format(
        "segmentation for 3D Slicer, frames as slices",
        "nrrd", ".seg.nrrd", (".seg.nrrd",)),
    "nii.gz": Format(
        "NIfTI label volume, frames as slices",
        "nifti", ".nii.gz", (".nii.gz",), needs=("nibabel",)),
    "ome-zarr": Format(
        "OME-NGFF 0.5 pyramid of labels for viewers",
        "ngff", ".ome.zarr", (".zarr",), marker="zarr.json"),
    "npz": Format(
        "all arrays for NumPy",
        "npz", ".npz", (".npz",)),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Job:
    """What a writer needs beside the view.

    Args:
        step: called with frames done and frames in all.
        clip: the frames, for a format that shows them.
        picture: what a video shows.
    """

    step: Progress
    clip: Clip | None = None
    picture: Picture = "overlay"


def export(
    store: Store,
    to: str,
    output: str | os.PathLike[str] | None = None,
    *,
    selection: Selection = ALL,
    clip: Clip | None = None,
    picture: Picture = "overlay",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a store, or a part of it, in another format.

    Frames pass one by one, so that the length of a clip does not count for memory. The output is
    there wholly or not at all.

    Args:
        store: an open store.
        to: one of `FORMATS`.
        output: file or folder to write; by default the clip's name with the suffix of the format,
            beside the store.
        selection: what to hand on.
        clip: the clip that the store was made from, for a matte or crop too; only ``mp4`` takes it.
        picture: what an ``mp4`` shows: the clip with an ``overlay``, the masks alone as a
            ``matte``, or a ``crop`` of the clip that follows the ears.
        overwrite: replace an earlier export.
        progress: called with frames done and frames in all.

    Returns:
        What was written.

    Raises:
        UsageError: format, selection or output make no sense.
        StoreError: the store is damaged, lacks what the format holds, or frames of the selection
            have not been tracked yet.
        EarvidError: a package is missing, or the disk is full.
        VideoError: the clip cannot be read.
    """
    chosen = find_format(to)
    target = output_path(store, to, output, picture)
    check_target(target, marker=chosen.marker, overwrite=overwrite)
    check_installed(to)
    _check_sources(store, to, target, clip, picture)
    view = View(store, selection)
    job = Job(progress or (lambda done, total: None), clip, picture)
    with draft(target) as path:
        import_module(f"earvid.export.{chosen.module}").write(view, path, job)
    return target


def find_format(name: str) -> Format:
    """A format by its name.

    Raises:
        UsageError: there is none.
    """
    if name not in FORMATS:
        raise UsageError(f"There is no format {name!r}; choose from {', '.join(FORMATS)}.")
    return FORMATS[name]


def output_path(
    store: Store, to: str, output: str | os.PathLike[str] | None, picture: Picture = "overlay"
) -> Path:
    """Where an export goes.

    Raises:
        UsageError: the name does not end as names of this format do.
    """
    chosen = find_format(to)
    if output is None:
        kind = f".{picture}" if chosen.clip else ""
        name = f"{Path(store.clip_name).stem}{kind}{chosen.suffix}"
        # Files of a store in a bucket go to the current folder.
        return Path(name) if isinstance(store.path, RemotePath) else store.path.with_name(name)
    target = Path(output)
    if not target.name.lower().endswith(chosen.endings):
        raise UsageError(f"{target} does not end in {chosen.endings[0]}, as {to} does.")
    return target


def missing_package(to: str) -> str | None:
    """A package that a format needs and that is not installed."""
    return next((name for name in find_format(to).needs if find_spec(name) is None), None)


def check_installed(*formats: str) -> None:
    """See that what formats need is installed.

    Raises:
        EarvidError: it is not; the sentence names the extra.
    """
    lacking = {to: package for to in formats if (package := missing_package(to)) is not None}
    if lacking:
        raise EarvidError(
            f"Exporting to {' and '.join(lacking)} needs "
            f"{' and '.join(dict.fromkeys(lacking.values()))}: install that with pip install "
            f"'earvid[export]', or in a clone with pip install '.[export]'."
        )


def _check_sources(
    store: Store, to: str, target: Path, clip: Clip | None, picture: Picture
) -> None:
    chosen = find_format(to)
    if picture not in get_args(Picture):
        raise UsageError(f"There is no {picture!r} video; choose from {get_args(Picture)}.")
    if chosen.landmarks and not store.keypoints:
        raise StoreError(
            f"{store.path} has no landmarks, and {to} holds nothing else: track the clip with "
            f"landmarks, or choose another format."
        )
    if chosen.clip and clip is None and picture != "matte":
        raise UsageError(f"A video with {picture} shows the clip itself; give the clip.")
    if clip is not None and target.resolve() == clip.info.path.resolve():
        raise UsageError(f"{target} is the clip itself; choose another name.")
