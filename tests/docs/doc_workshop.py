"""A folder that holds what a command of the documentation speaks of."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import timm
import torch
from doc_drawing import (
    prompt_at,
    write_clip,
    write_mask,
    write_mesh,
    write_photos,
    write_pts,
    write_sample,
)
from doc_text import fences

from earvid.models import NanoConfig, build_nano, find_weights, save_weights
from earvid.models.zoo import find_spec
from earvid.pipeline import TrackSettings, track

LENGTHS = (3, 32, 47)  # frames of the clips that there are
KEYFRAMES = (30, 39, 42)  # of the longest, about the frames that are corrected
SAMPLE = range(43, 49)  # frames of the sample clip, about that on which it is prompted
CLOSEUPS = [f"bs{number}a" for number in ("001", "002", "003", "008", "010", "017", "020", "027",
                                          "036")]  # fmt: skip
AWE = ["0001", "0200", "0400", "0650", "0700", "0710", "0720"]
STRANGERS = ["anna_1", "ben_1", "cleo_1", "dora_1"]


def frames_for(text: str) -> int:
    """Frames of the shortest clip that has every frame that a text names."""
    named = [int(one) for one in re.findall(r"(?:frames?[ =]|--absent \d+:)(\d+)", text)]
    named += [int(stop) - 1 for stop in re.findall(r"\d:(\d+)", text)]
    return next(length for length in LENGTHS if length > max(named, default=0))


def document(begins: str) -> str:
    """A file that a page shows whole."""
    found = [fence.text for fence in fences() if fence.text.startswith(begins)]
    assert len(found) == 1, f"{len(found)} files begin with {begins!r}"
    return found[0]


class Workshop:
    """Makes such folders; what takes long to make is made once.

    Args:
        folder: for what is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def furnish(self, folder: Path, text: str) -> None:
        """Put whatever a text names into a folder."""
        for pattern, put in self._shelf().items():
            if re.search(pattern, text):
                put(folder, text)

    def _shelf(self) -> dict[str, Callable[[Path, str], None]]:
        """Pattern of a name -> what puts it into a folder, for a text."""
        return {
            r"earvid/sample/": lambda to, _: write_sample(to / "earvid" / "sample", SAMPLE),
            r"clip\.mp4|clip\.earvid": self._clip,
            r"(correct|show|render|export|qc|landmarks) clip\.earvid|open\(": self._store,
            r"ear\.earvid\.zarr": self._named_store,
            r"ear_30\.png": lambda to, _: write_mask(to / "ear_30.png"),
            r"ear\.pts": lambda to, _: write_pts(to / "ear.pts"),
            r"clips/": self._clips,
            r"study\.csv": self._study,
            r"recorded/": self._recorded,
            r"\b(labeled|photos|ears)\b": self._photos,
            r"\b(awe|closeup)\b": self._faces,
            r"start\.safetensors|evaluate|finetune": self._start,
            r"run/weights": self._weights,
            r"efficientnet": self._trunk,
        }

    def _clip(self, to: Path, text: str) -> None:
        shutil.copy(self.clip(frames_for(text)), to / "clip.mp4")

    def _store(self, to: Path, text: str) -> None:
        shutil.copytree(self.store(frames_for(text)), to / "clip.earvid.zarr")

    def _named_store(self, to: Path, text: str) -> None:
        if "earvid track" not in text:
            shutil.copytree(self.store(LENGTHS[0]), to / "ear.earvid.zarr")

    def _clips(self, to: Path, text: str) -> None:
        (to / "clips").mkdir()
        for name in ("a", "b"):
            shutil.copy(self.clip(LENGTHS[0]), to / "clips" / f"{name}.mp4")
            prompt_at(0).save(to / "clips" / f"{name}.prompt.json")
            (to / "clips" / "ears.json").write_text(
                '{"clips": {"a.mp4": {"ears": [0, 1]}, "b.mp4": {"ears": [0, 1]}}}'
            )
            if text.startswith("earvid qc"):
                shutil.copytree(self.store(LENGTHS[0]), to / "clips" / f"{name}.earvid.zarr")

    def _study(self, to: Path, text: str) -> None:
        (to / "study.csv").write_text(document("clip,prompt,"))
        for name in ("anna", "ben"):
            (to / name).mkdir()
            (to / "results").mkdir(exist_ok=True)
            shutil.copy(self.clip(32), to / name / "visit1.mp4")
        (to / "ben" / "visit1.json").write_text(document('{"version"'))

    def _recorded(self, to: Path, text: str) -> None:
        truth = to / "recorded" / "truth" / "clip"
        truth.mkdir(parents=True)
        shutil.copy(self.clip(LENGTHS[0]), to / "recorded" / "clip.mp4")
        for frame in range(LENGTHS[0]):
            write_mask(truth / f"mask_{frame:05d}_1.png", frame)

    def _photos(self, to: Path, text: str) -> None:
        for name in ("labeled", "photos", "ears"):
            write_photos(to / name, *STRANGERS)

    def _faces(self, to: Path, text: str) -> None:
        write_photos(to / "awe", *AWE)
        write_photos(to / "closeup", *CLOSEUPS, landmarks=True)
        write_mesh(to / "hera" / "hera_ear_large.obj")
        (to / "sides.csv").write_text("photo,x,y,side\nawe/0001,80,60,right\n")

    def _start(self, to: Path, text: str) -> None:
        shutil.copy(self._kept("start.safetensors", _write_small), to / "start.safetensors")

    def _weights(self, to: Path, text: str) -> None:
        (to / "run").mkdir()
        shutil.copy(find_weights(find_spec("earvid-nano")), to / "run" / "weights.safetensors")

    def _trunk(self, to: Path, text: str) -> None:
        shutil.copy(self._kept("trunk.pth", _write_trunk), to / "efficientnet-lite0.pth")

    def clip(self, frames: int) -> Path:
        """The scene, filmed for so many frames."""
        return self._kept(f"{frames}/clip.mp4", lambda path: write_clip(path, frames))

    def store(self, frames: int) -> Path:
        """What tracking it gave; of a long one there are keyframes about those to correct."""
        keyframes = KEYFRAMES if frames == LENGTHS[-1] else (0,)
        clip, settings = self.clip(frames), TrackSettings(device="cpu", reentry="nearby")

        def make(path: Path) -> None:
            track(clip, prompt_at(*keyframes), path, settings=settings)

        return self._kept(f"{frames}/clip.earvid.zarr", make)

    def _kept(self, name: str, make: Callable[[Path], object]) -> Path:
        path = self._folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)
        return path


def _write_small(path: Path) -> None:
    """Weights of a small nano model that has learned nothing but to believe in ears."""
    torch.manual_seed(0)
    config = NanoConfig(trunk="mobilenetv3_small_050", image_size=64, width=32, memory_width=16)
    weights = build_nano(config).state_dict()
    weights["sam_mask_decoder.pred_obj_score_head.layers.2.bias"].fill_(9.0)
    save_weights(path, weights, config.to_dict(), {})


def _write_trunk(path: Path) -> None:
    """Weights of EfficientNet-Lite0, of the right shapes, that have learned nothing."""
    torch.save(timm.create_model("efficientnet_lite0").state_dict(), path)
