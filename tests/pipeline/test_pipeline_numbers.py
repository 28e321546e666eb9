"""In which numbers a store was made: it is kept, it decides, and it is measured on request."""

import numpy as np
import pytest
import torch

from earvid.errors import ModelError, StoreError, UsageError
from earvid.models import load_model
from earvid.pipeline import TrackSettings, check, track
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import load_truth, sample_path
from earvid.stages import Stages
from earvid.store import Store
from earvid.video import Clip, VideoWriter

FRAMES = 6


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "few.mp4"
    with Clip.open(sample_path()) as source, VideoWriter(path, 640, 480, 30) as writer:
        for frame in source.frames(45, 45 + FRAMES):
            writer.write(frame.image)
    return path


@pytest.fixture(scope="module")
def prompt():
    truth = load_truth()
    rows, columns = np.nonzero(truth.masks[45])
    box = tuple(float(v) for v in (columns.min(), rows.min(), columns.max(), rows.max()))
    marks = {str(k): (float(x), float(y)) for k, (x, y) in enumerate(truth.landmarks[45][:10])}
    given = FramePrompt(box=box, landmarks=marks)
    return Prompt((ObjectPrompt(id=1, name="ear", frames={2: FramePrompt(box=box), 0: given}),))


def test_a_store_in_eight_bits_is_another_one(tmp_path, clip, prompt):
    store, int8 = tmp_path / "s.zarr", TrackSettings(quantize="int8")
    stages = Stages()
    report = track(clip, prompt, store, settings=int8, stages=stages)
    assert report.ears[0].visible == FRAMES
    made = Store.open(store).provenance["model"]
    assert (made["dtype"], made["quantize"]) == ("float32", "int8")
    model = load_model(quantize="int8")
    assert made["numbers"] == ("bfloat16" if holds(model, torch.bfloat16) else "float32")
    assert set(stages.seconds) == {"decode", "wait", "track", "landmarks", "write"}
    assert stages.calls["track"] == stages.calls["landmarks"] == FRAMES
    assert check(clip, prompt, store, settings=int8) == (store, "skip")
    with pytest.raises(StoreError, match=r"another dtype or quantize \(int8 rather than float32\)"):
        check(clip, prompt, store)
    # A model that is given counts, whatever the settings say.
    again = track(clip, prompt, store, model=model)
    assert again.tracked == 0
    with pytest.raises(StoreError, match=r"int8 rather than bfloat16"):
        track(clip, prompt, store, model=load_model(dtype="bfloat16"))


def holds(loaded, dtype):
    """Whether some weights of a model are of a dtype, however its layers keep them."""
    kept = (value for module in loaded.model.modules() for value in vars(module).values())
    weights = [*loaded.model.parameters(), *loaded.model.buffers(), *kept]
    return any(isinstance(one, torch.Tensor) and one.dtype == dtype for one in weights)


def test_numbers_that_are_not_there_are_told(tmp_path, clip, prompt):
    with pytest.raises(UsageError, match="no dtype 'float16'; choose from float32, bfloat16"):
        TrackSettings(dtype="float16")
    with pytest.raises(UsageError, match="no quantize 'int4'"):
        TrackSettings(quantize="int4")
    both = TrackSettings(dtype="bfloat16", quantize="int8", device="cuda")
    with pytest.raises(ModelError):  # int8 is for CPUs; and there may be no GPU
        check(clip, prompt, tmp_path / "s.zarr", settings=both)
    assert not (tmp_path / "s.zarr").exists()
