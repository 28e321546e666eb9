"""SAM 2's own video predictor, as its README has it used."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sam2.sam2_video_predictor import SAM2VideoPredictor

from earvid.evaluate.bench_measures import Measures, Stopwatch, model_parts
from earvid.prompt import Prompt
from earvid.stages import Stages
from earvid.video import Clip

PackedMasks = list[NDArray[np.uint8]]  # by frame: (E, H, W / 8) bits


def run_stock(
    model: SAM2VideoPredictor, video: Path, prompt: Prompt, watch: Stopwatch
) -> tuple[Measures, PackedMasks]:
    """Track with stock code: read the whole clip, prompt, propagate, keep the masks in memory.

    Args:
        model: the predictor.
        video: the clip; the first keyframe of the prompt is its first frame.
        prompt: boxes, points or masks; stock code knows no landmarks.
        watch: started.

    Returns:
        what was measured, and the masks.
    """
    stages, masks = Stages(watch.clock), PackedMasks()
    # Stock code reads videos with decord; where there is none, from a folder of JPEG files.
    source = str(video) if find_spec("decord") else str(_as_jpegs(video))
    with stages.watching(model_parts(model)):
        with stages.stage("decode"):
            state = model.init_state(source)
        add_prompt(model, state, prompt)
        for _, _, logits in model.propagate_in_video(state):
            masks.append(np.packbits((logits[:, 0] > 0).cpu().numpy(), axis=-1))
            watch.tick()
    return watch.stop(stages), masks


def add_prompt(model: SAM2VideoPredictor, state: dict[str, Any], prompt: Prompt) -> None:
    """Give all that a prompt says to an inference state of stock code."""
    for ear in prompt.objects:
        for index, given in ear.frames.items():
            if given.mask is not None:
                model.add_new_mask(state, index, ear.id, given.mask)
                continue
            clicks = len(given.points) > 0
            model.add_new_points_or_box(
                state,
                index,
                ear.id,
                points=given.points if clicks else None,
                labels=given.labels if clicks else None,
                box=None if given.box is None else np.array(given.box, np.float32),
            )


def _as_jpegs(video: Path) -> Path:
    folder = video.with_suffix(".frames")
    folder.mkdir(exist_ok=True)
    with Clip.open(video) as clip:
        for frame in clip.frames():
            Image.fromarray(frame.image).save(folder / f"{frame.index:05d}.jpg", quality=95)
    return folder
