"""A NIfTI-1 label volume (`.nii.gz`), with frames as slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from earvid.errors import UsageError
from earvid.export.formats import Job
from earvid.export.view import View
from earvid.export.volume import packed, spacing, write_slices

MAX_SIZE = np.iinfo(np.int16).max
SCANNER = 1  # meaning of the coordinates, for programs that show nothing without one


def write(view: View, path: Path, job: Job) -> None:
    """Write a `.nii.gz` file, whose pixels are ids of ears.

    Raises:
        UsageError: NIfTI-1 has no room for so many frames.
    """
    header = _header(view)
    with path.open("wb") as file, packed(file) as stream:
        header.write_to(stream)
        write_slices(view, stream, job)


def _header(view: View) -> Any:
    from nibabel.nifti1 import Nifti1Header

    shape = view.store.width, view.store.height, len(view)
    if max(shape) > MAX_SIZE:
        raise UsageError(
            f"NIfTI holds at most {MAX_SIZE} frames, and the selection has {len(view)}: choose "
            f"fewer with --frames, or another format."
        )
    first, distance = spacing(view)
    # NIfTI's axes run to the right and to the front, those of a frame to the left and to the back.
    affine = np.diag([-1.0, -1.0, distance, 1.0])
    affine[2, 3] = first
    header = Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(shape)
    header.set_qform(affine, SCANNER)
    header.set_sform(affine, SCANNER)
    header.set_slope_inter(1, 0)
    header["descrip"] = f"earvid {view.store.fingerprint[:16]}".encode()
    header["vox_offset"] = header.single_vox_offset
    return header
