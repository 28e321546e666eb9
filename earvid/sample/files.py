"""The sample clip that ships with the package: its files, and how they are made."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earvid.errors import UsageError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample.clip import SampleFrame, make_clip
from earvid.sample.params import EarParams
from earvid.video import VideoWriter

_FRAMES, _WIDTH, _HEIGHT, _FPS = 90, 640, 480, 30
_KEYFRAME = 45
_SEED = 25
_EAR_HEIGHT = 0.5
_CRF = 23  # small enough to ship, fine enough to show pores
_EAR = EarParams(seed=11, flush=0.7)
_CLIP, _PROMPT, _TRUTH = "ear.mp4", "ear.prompt.json", "ear.truth.npz"


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of every frame of the sample clip.

    Args:
        masks: (N, H, W) bool.
        landmarks: (N, 55, 2) float32 `(x, y)` in pixels, integer = pixel center, iBUG-55 order.
        visible: (N, 55) bool.
    """

    masks: npt.NDArray[np.bool_]
    landmarks: npt.NDArray[np.float32]
    visible: npt.NDArray[np.bool_]


def sample_path(name: str = _CLIP) -> Path:
    """The path of a file of the sample: "ear.mp4", "ear.prompt.json" or "ear.truth.npz".

    Raises:
        UsageError: There is no such file.
    """
    if name not in (_CLIP, _PROMPT, _TRUTH):
        raise UsageError(f"the sample has no file '{name}'; choose {_CLIP}, {_PROMPT} or {_TRUTH}.")
    return Path(__file__).with_name(name)


def sample_frames() -> Iterator[SampleFrame]:
    """The frames of the sample clip, before they are compressed."""
    return make_clip(_EAR, _FRAMES, _WIDTH, _HEIGHT, _FPS, _SEED, ear_height=_EAR_HEIGHT)


def write_sample(folder: str | os.PathLike[str]) -> None:
    """Draw the sample clip and write its three files.

    Args:
        folder: Where to write; it is created when absent.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    seen: list[SampleFrame] = []
    with VideoWriter(target / _CLIP, _WIDTH, _HEIGHT, _FPS, crf=_CRF, preset="medium") as writer:
        for frame in sample_frames():
            writer.write(frame.image)
            seen.append(frame)
    truth = Truth(
        masks=np.stack([frame.mask for frame in seen]),
        landmarks=np.stack([frame.landmarks for frame in seen]),
        visible=np.stack([frame.visible for frame in seen]),
    )
    _save_truth(target / _TRUTH, truth)
    _box_prompt(truth.masks[_KEYFRAME]).save(target / _PROMPT, overwrite=True)


def load_truth(path: str | os.PathLike[str] | None = None) -> Truth:
    """Read the truth about the sample clip.

    Args:
        path: An `ear.truth.npz`; None reads the one in the package.
    """
    with np.load(sample_path(_TRUTH) if path is None else path) as stored:
        count = int(stored["width"])
        masks = np.unpackbits(stored["masks"], axis=-1, count=count).astype(bool)
        return Truth(masks, stored["landmarks"], stored["visible"])


def _save_truth(path: Path, truth: Truth) -> None:
    np.savez_compressed(
        path,
        masks=np.packbits(truth.masks, axis=-1),
        width=np.int64(truth.masks.shape[-1]),
        landmarks=truth.landmarks,
        visible=truth.visible,
    )


def _box_prompt(mask: npt.NDArray[np.bool_]) -> Prompt:
    """What a user would give: a box around the ear on one frame."""
    rows, columns = np.nonzero(mask)
    box = (float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max()))
    ear = ObjectPrompt(id=1, name="right", frames={_KEYFRAME: FramePrompt(box=box)}, scheme=None)
    return Prompt(objects=(ear,))
