"""Drawn ears as data of all three kinds, and a model small enough to train in a test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from earvid.finetune import FinetuneReport, FinetuneSettings, Sources, finetune
from earvid.models import NanoConfig, build_nano, save_weights
from earvid.sample import make_clip, random_ear
from earvid.store import FrameRecord, StoreSpec, StoreWriter
from earvid.video import Clip, VideoWriter

WIDTH, HEIGHT, FRAMES = 96, 80, 10
SIDE = 64
Drawn = list[tuple[np.ndarray, np.ndarray]]


def draw(subject: int, frames: int) -> Drawn:
    """Frames ``(image, mask)`` of one person's ear."""
    made = make_clip(random_ear(subject), frames, WIDTH, HEIGHT, 5, subject, ear_height=0.6)
    return [(f.image, f.mask) for f in made]


def write_folder(root: Path, people: dict[str, Drawn]) -> Path:
    """``images/`` and ``masks/``; photos are called ``person_0`` and so on."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for person, drawn in people.items():
        for k, (image, mask) in enumerate(drawn):
            cv2.imwrite(str(root / "images" / f"{person}_{k}.png"), image[..., ::-1])
            cv2.imwrite(str(root / "masks" / f"{person}_{k}.png"), mask.astype(np.uint8) * 255)
    return root


def write_store(
    root: Path,
    name: str,
    drawn: Drawn,
    status: Sequence[int],
    score: Sequence[float] | None = None,
    *,
    ears: int = 1,
    corrections: list[dict] | None = None,
) -> Path:
    """A clip and its store, with the true masks; of two ears the second is the right half."""
    root.mkdir(parents=True, exist_ok=True)
    with VideoWriter(root / f"{name}.mp4", WIDTH, HEIGHT, 25) as writer:
        for image, _ in drawn:
            writer.write(image)
    with Clip.open(root / f"{name}.mp4") as clip:
        spec = StoreSpec(
            clip_name=f"{name}.mp4",
            frame_count=len(drawn),
            width=WIDTH,
            height=HEIGHT,
            fps=25.0,
            times=clip.times,
            object_ids=(1, 2)[:ears],
            object_names=("left", "right")[:ears],
            keypoints=(),
            memory_slots=1,
            fingerprint="f" * 64,
            provenance={
                "clip": {"name": f"{name}.mp4", "sha256": clip.digest()},
                **({} if corrections is None else {"corrections": corrections}),
            },
        )
    path = root / f"{name}.earvid.zarr"
    with StoreWriter.create(path, spec) as store:
        for t, (_, mask) in enumerate(drawn):
            store.add(_record(spec, t, mask, status[t], 1.0 if score is None else score[t]))
        store.finish({})
    return path


def _record(spec: StoreSpec, t: int, mask: np.ndarray, status: int, score: float) -> FrameRecord:
    count = len(spec.object_ids)
    labels = mask.astype(np.uint8)
    if count == 2:
        labels[:, int(np.nonzero(mask)[1].mean()) :] *= 2
    ys, xs = np.nonzero(mask)
    box = [xs.min(), ys.min(), xs.max(), ys.max()] if len(xs) else [np.nan] * 4
    return FrameRecord(
        index=t,
        mask=labels,
        proxy=np.zeros(spec.proxy_size, np.uint8),
        box=np.repeat(np.array(box, np.float32)[:, None], count, 1),
        score=np.full(count, score, np.float32),
        presence=np.ones(count, np.float32),
        area=np.full(count, mask.sum(), np.float32),
        memory=np.full((count, 1), -1, np.int32),
        duplicate_of=np.zeros(count, np.uint8),
        position=np.zeros((2, 0, count), np.float32),
        confidence=np.zeros((0, count), np.float32),
        visible=np.zeros((0, count), np.uint8),
        status=status,
    )


def write_coco(path: Path, images: list[dict], annotations: list[dict], **more: object) -> Path:
    """A COCO file."""
    path.write_text(json.dumps({"images": images, "annotations": annotations, **more}))
    return path


def write_nano(path: Path, seed: int = 0) -> Path:
    """Weights of a nano model of 64 px that has learned nothing."""
    torch.manual_seed(seed)
    config = NanoConfig(
        trunk="mobilenetv3_small_050", image_size=SIDE, width=32, memory_width=16, feedforward=64
    )
    weights = build_nano(config).state_dict()
    # The image recipe does not train presence; this model believes in it from the start.
    weights["sam_mask_decoder.pred_obj_score_head.layers.2.bias"].fill_(9.0)
    save_weights(path, weights, config.to_dict(), {}, torch.float32)
    return path


def settings(**values: object) -> FinetuneSettings:
    """Settings of a run of a few steps on one core."""
    few: dict[str, object] = {
        "steps": 4,
        "looks": 2,
        "batch": 2,
        "length": 2,
        "warm_up": 2,
        "device": "cpu",
    }
    return FinetuneSettings(**{**few, **values})  # type: ignore[arg-type]


def tune(data: Sequence[Path], run: Path, start: Path, **values: object) -> FinetuneReport:
    """Fine-tune in silence."""
    return finetune(Sources(data), run, settings(**values), checkpoint=start, log=lambda line: None)
