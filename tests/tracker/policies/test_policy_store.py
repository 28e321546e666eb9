"""Every policy through the whole way: what it is called, what it chose, and a run that was cut."""

import shutil

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from earvid.cli.track import command
from earvid.cli.tracking import POLICIES as CLI_POLICIES
from earvid.errors import StoreError, UsageError
from earvid.models import load_model, read_weights, save_weights
from earvid.pipeline import TrackSettings, check, track
from earvid.pipeline.alternatives import has_alternatives
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import load_truth, sample_path
from earvid.store import Store, compare
from earvid.tracker import POLICIES
from earvid.video import Clip, VideoWriter

FRAMES, KEYFRAME = 12, 5
EAGER = {
    "self-sorting": {"size": 3},
    "motion": {"steady": 2},
    "distractor": {"min_score": 0.0, "gap": 1, "steadiness": 1.0, "overlap": 1.0, "stride": 2},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The embedded weights, with notes that say that the further masks were trained."""
    path = tmp_path_factory.mktemp("weights") / "told.safetensors"
    values, about = read_weights(load_model().weights)
    save_weights(path, values, about["config"], {**about["notes"], "alternatives": True})
    return path


@pytest.fixture(scope="module")
def model(weights):
    return load_model(checkpoint=weights)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    with Clip.open(sample_path("ear.mp4")) as source, VideoWriter(path, 160, 120, 30) as writer:
        for frame in source.frames(20, 20 + FRAMES):
            writer.write(cv2.resize(frame.image, (160, 120), interpolation=cv2.INTER_AREA))
    return path


@pytest.fixture(scope="module")
def prompt():
    truth = load_truth()
    ys, xs = np.nonzero(truth.masks[20 + KEYFRAME])
    scale = truth.masks.shape[2] / 160
    box = tuple(float(v) / scale for v in (xs.min(), ys.min(), xs.max(), ys.max()))
    ear = ObjectPrompt(id=1, name="ear", frames={KEYFRAME: FramePrompt(box=box)})
    return Prompt((ear,))


def settings(name, **more):
    return TrackSettings(
        policy=name,
        policy_parameters=EAGER.get(name, {}),
        shard_bytes=4 * 160 * 120,
        reader="pyav",
        **more,
    )


@pytest.mark.parametrize("name", POLICIES)
def test_a_run_that_was_cut_ends_equal(tmp_path, model, clip, prompt, name):
    whole, cut = tmp_path / "whole.zarr", tmp_path / "cut.zarr"
    track(clip, prompt, whole, settings=settings(name), model=model)
    for stop in (5, 10):  # on the way forward, then on the way back

        def interrupt(done, total, stop=stop):
            if done >= stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            track(clip, prompt, cut, settings=settings(name), model=model, progress=interrupt)
    track(clip, prompt, cut, settings=settings(name), model=model)
    assert compare(whole, cut) == []

    store = Store.open(whole)
    told = store.provenance
    assert told["settings"]["policy"]["name"] == name
    assert told["settings"]["policy"].items() >= EAGER.get(name, {}).items()
    assert told["model"]["alternatives"] is True
    memory = np.asarray(store.tracks.memory)[:, 0]
    assert memory.shape[1] == 7
    for t, row in enumerate(memory):
        chosen = row[row >= 0]
        assert KEYFRAME in chosen and len(set(chosen)) == len(chosen)
        assert (t == KEYFRAME) == (set(chosen) == {t})


def test_another_policy_or_parameter_is_another_store(tmp_path, model, clip, prompt):
    target = tmp_path / "s.zarr"
    track(clip, prompt, target, settings=settings("gated"), model=model)
    loaded = {"checkpoint": model.weights}
    assert check(clip, prompt, target, settings=settings("gated", **loaded))[1] == "skip"
    spelled = TrackSettings(policy="gated", policy_parameters={"threshold": 0.01}, **loaded)
    assert check(clip, prompt, target, settings=spelled)[1] == "skip"  # the default, spelled out
    for other in (
        settings("motion", **loaded),
        TrackSettings(policy="gated", policy_parameters={"threshold": 0.2}, **loaded),
    ):
        with pytest.raises(StoreError, match="--overwrite"):
            check(clip, prompt, target, settings=other)


def test_settings_refuse_what_no_policy_knows():
    with pytest.raises(UsageError, match="no policy 'lru'"):
        TrackSettings(policy="lru")
    with pytest.raises(UsageError, match="gated has no parameter 'size'"):
        TrackSettings(policy="gated", policy_parameters={"size": 3})
    assert TrackSettings() == TrackSettings(policy="fifo") and hash(TrackSettings())


def test_weights_say_themselves_whether_their_further_masks_were_trained(weights, tmp_path):
    assert has_alternatives(weights)
    values, about = read_weights(weights)
    for notes in ({}, {"alternatives": False}, {"alternatives": "yes"}):
        path = tmp_path / "other.safetensors"
        save_weights(path, {"w": values[next(iter(values))]}, about["config"], notes)
        assert not has_alternatives(path)
    shutil.copy(weights, tmp_path / "weights.pt")
    assert not has_alternatives(tmp_path / "weights.pt")


def test_the_command_line_offers_all_policies(tmp_path, weights, clip, prompt):
    assert CLI_POLICIES == POLICIES
    prompt.save(tmp_path / "prompt.json")
    options = {
        "--prompt": tmp_path / "prompt.json",
        "--policy": "motion",
        "--checkpoint": weights,
        "--output": tmp_path / "s.zarr",
    }
    arguments = [str(a) for pair in options.items() for a in pair]
    done = CliRunner().invoke(command, [str(clip), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    told = Store.open(tmp_path / "s.zarr").provenance["settings"]["policy"]
    assert (told["name"], told["steady"]) == ("motion", 15)
