"""Whole runs of a few steps."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from apart import begin, pipe
from ear_data import settings, tune, write_nano

from earvid.errors import EarvidError, ModelError, UsageError
from earvid.finetune import (
    Finetuner,
    FinetuneSettings,
    Sources,
    finetune,
    load_start,
    split_data,
)
from earvid.finetune import loop as loop_module
from earvid.finetune.loop import rate
from earvid.finetune.module import is_trained
from earvid.models import build_sam21, load_model, read_weights
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker import Session
from earvid.video import Frame


def log_of(run, kind):
    lines = (run / "log.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["kind"] == kind]


def differing(a, b):
    """Names of tensors that are not equal bit for bit."""
    return {name for name in a if not torch.equal(a[name], b[name])}


@pytest.mark.parametrize("recipe", ["image", "video"])
def test_a_recipe_trains_its_parts_and_no_others(tmp_path, photos, store, nano, recipe):
    run = tmp_path / "run"
    tune([photos, store], run, nano, recipe=recipe, steps=3, looks=1)
    start, _ = read_weights(nano)
    last = torch.load(run / "last.pt", weights_only=True)["model"]
    changed = differing(start, last)
    assert changed and all(is_trained(name, recipe) for name in changed)
    parts = ["image_encoder.trunk", "image_encoder.neck", "sam_mask_decoder"]
    memory = ["memory_attention", "memory_encoder", "obj_ptr_proj", "maskmem_tpos_enc"]
    for part in parts + memory * (recipe == "video"):
        assert any(name.startswith(part) for name in changed), part
    assert not any("running_" in name for name in changed)


def test_a_run_learns_and_its_result_tracks(tmp_path, photos, people, nano):
    run = tmp_path / "run"
    report = tune(
        [photos], run, nano, recipe="image", steps=80, looks=4, batch=4, learning_rate=5e-3,
        encoder_rate=2.5e-3,
    )  # fmt: skip
    assert report.improved and report.progress.best["score"] > report.progress.before["score"]
    assert "->" in report.sentence() and "\n" not in report.sentence()
    document = json.loads((run / "report.json").read_text())
    assert document["improved"] and document["after"]["photos"] > document["before"]["photos"]
    held, learned = document["data"]["held_out"], document["data"]["train"]
    assert held["subjects"] and not set(held["subjects"]) & set(learned["subjects"])
    assert len(list((run / "samples").glob("*.png"))) == 4
    assert len(log_of(run, "validation")) == 4 and log_of(run, "start")

    loaded = load_model("earvid-nano", checkpoint=report.weights)
    image, mask = people["p0"][0]
    ys, xs = np.nonzero(mask)
    box = tuple(float(v) for v in (xs.min(), ys.min(), xs.max(), ys.max()))
    ear = ObjectPrompt(id=1, name="ear", frames={0: FramePrompt(box=box)})
    session = Session(loaded.model, Prompt((ear,)), image.shape[1], image.shape[0], 2)
    for t in range(2):
        result = session.step(Frame(index=t, time=t / 25, image=people["p0"][t][0]))
        assert set(result.objects) == {1}


def test_the_loss_falls(tmp_path, photos, nano, monkeypatch):
    monkeypatch.setattr(loop_module, "TELL_EVERY", -1.0)
    run = tmp_path / "run"
    tune([photos], run, nano, steps=40, looks=1, learning_rate=2e-3, validation=0.0)
    losses = [entry["loss"] for entry in log_of(run, "training")]
    assert len(losses) == 40 and np.mean(losses[-8:]) < 0.9 * np.mean(losses[:8])


def test_without_validation_the_last_weights_are_kept(tmp_path, photos, nano):
    report = tune([photos], tmp_path / "run", nano, validation=0.0, steps=2, looks=1)
    last = torch.load(tmp_path / "run" / "last.pt", weights_only=True)["model"]
    kept, _ = read_weights(report.weights)
    assert report.improved is None and "not validated" in report.sentence()
    assert all(torch.allclose(kept[n].float(), v.float(), atol=1e-2) for n, v in last.items())


def test_what_is_not_better_is_not_kept(tmp_path, photos, nano):
    run = tmp_path / "run"
    report = tune([photos], run, nano, recipe="image", learning_rate=1e-9, encoder_rate=1e-9,
                  steps=20, looks=10, patience=3)  # fmt: skip
    assert report.improved is False and "started from" in report.sentence()
    assert report.progress.ended == "no progress" and report.progress.step == 6
    start, _ = read_weights(nano)
    kept, _ = read_weights(report.weights)
    assert all(torch.equal(kept[n], v.half().float()) for n, v in start.items() if v.ndim)


class StopError(Exception):
    """Ends a run as a power cut would, between two steps."""


def test_resumed_and_undisturbed_runs_are_equal(tmp_path, photos, store, nano):
    chosen = settings(steps=4, accumulate=2, save_every=0.0)
    split = split_data(Sources([photos, store]), chosen)

    def run(name, stop=None):
        tuner = Finetuner(tmp_path / name, chosen, load_start(chosen, nano), split, print)
        step = tuner._step

        def stopping(parts):
            if stop is not None and tuner.progress.step >= stop:
                raise StopError
            return step(parts)

        tuner._step = stopping
        return tuner.fit()

    whole = run("whole")
    for stop in (1, 3):  # before the first validation, and after it
        with pytest.raises(StopError):
            run("cut", stop)
    again = run("cut")
    assert replace(again.progress, elapsed=0) == replace(whole.progress, elapsed=0)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")
    # A run that is over stays as it is.
    assert run("cut").progress == again.progress


def assert_same_run(a, b):
    states = [torch.load(run / "last.pt", weights_only=True) for run in (a, b)]
    assert differing(states[0]["model"], states[1]["model"]) == set()
    kept = [read_weights(run / "weights.safetensors")[0] for run in (a, b)]
    assert differing(*kept) == set()


KILLED = {"steps": 4, "looks": 4, "patience": 0, "save_every": 0.0, "recipe": "image"}


def run_and_tell(data, run, start, told):
    chosen = FinetuneSettings(batch=2, length=2, device="cpu", warm_up=2, **KILLED)
    finetune(Sources([data]), run, chosen, checkpoint=start, log=told.send)


def test_a_killed_process_goes_on(tmp_path, photos, nano):
    ours, theirs = pipe()
    child = begin(run_and_tell, photos, tmp_path / "run", nano, theirs)
    theirs.close()
    while not ours.recv().startswith("step 2"):
        pass
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    chosen, said = settings(**KILLED), []
    finetune(Sources([photos]), tmp_path / "run", chosen, checkpoint=nano, log=said.append)
    assert said[0].startswith("resumed at step")
    tune([photos], tmp_path / "whole", nano, **KILLED)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_another_run_in_the_folder_is_refused(tmp_path, photos, store, nano):
    run = tmp_path / "run"
    tune([photos], run, nano, steps=1, looks=1)
    for change, words in (
        ({"steps": 2}, "settings were different"),
        ({"seed": 1}, "settings were different"),
    ):
        with pytest.raises(EarvidError, match=words):
            tune([photos], run, nano, **{"steps": 1, "looks": 1, **change})
    with pytest.raises(EarvidError, match="data was different"):
        tune([photos, store], run, nano, steps=1, looks=1)
    other = write_nano(tmp_path / "other.safetensors", seed=1)
    with pytest.raises(EarvidError, match="starting weights were different"):
        tune([photos], run, other, steps=1, looks=1)
    (run / "last.pt").write_bytes(b"torn")
    with pytest.raises(EarvidError, match="damaged"):
        tune([photos], run, nano, steps=1, looks=1)
    (run / "last.pt").unlink()
    with pytest.raises(EarvidError, match="something else"):
        tune([photos], run, nano, steps=1, looks=1)


@pytest.mark.parametrize("recipe", ["image", "video"])
def test_sam21_trains_and_loads(tmp_path, photos, recipe):
    torch.manual_seed(0)
    start = tmp_path / "sam2.1_hiera_tiny.pt"
    state = build_sam21("sam2.1_hiera_t").state_dict()
    torch.save({"model": state}, start)
    report = tune(
        [photos], tmp_path / "run", start, model="sam2.1-tiny", image_size=64, recipe=recipe,
        steps=1, looks=1, validation=0.0, batch=1, device="cpu",
    )  # fmt: skip
    assert report.weights.name == "weights.pt"
    loaded = load_model("sam2.1-tiny", checkpoint=report.weights, device="cpu", tuned=False)
    changed = differing(state, loaded.model.state_dict())
    assert changed and all(is_trained(name, recipe) for name in changed)


def test_mixed_precision_and_replay(tmp_path, photos, store, nano):
    chosen = settings(precision="bf16", steps=2, looks=1, replay_share=0.5)
    sources = Sources([store, photos], replay=[])
    with pytest.raises(UsageError, match="both in the data and in the replay"):
        finetune(replace(sources, replay=[photos]), tmp_path / "run", chosen, checkpoint=nano)
    report = finetune(
        Sources([photos], replay=[store]), tmp_path / "run", chosen, checkpoint=nano, log=print
    )
    assert report.document["data"]["replay"]["clips"] == 1
    assert report.document["replay"]["before"] is None  # of its one subject nobody is held out
    assert np.isfinite(report.progress.best["score"])


def test_without_validation_nobody_is_held_out(tmp_path, photos, store, nano):
    chosen = settings(
        steps=1, looks=1, hold_out=("*/walk*",), recipe="image", subject=r"/(\w+?)(_|$|#)"
    )
    with pytest.raises(UsageError, match="every subject"):
        finetune(Sources([store], replay=[photos]), tmp_path / "run", chosen, checkpoint=nano)
    chosen = replace(chosen, hold_out=(), validation=0.0)
    report = finetune(
        Sources([store], replay=[photos]), tmp_path / "run", chosen, checkpoint=nano, log=print
    )
    assert report.document["data"]["replay_held_out"]["photos"] == 0


def test_models_that_do_not_fit(tmp_path, photos, nano):
    run = tmp_path / "run"
    with pytest.raises(ModelError, match="does not fit the model"):
        tune([photos], run, nano, model="sam2.1-tiny")
    with pytest.raises(ModelError, match="no model named"):
        tune([photos], run, nano, model="sam9")
    with pytest.raises(UsageError, match=r"for SAM 2\.1 models"):
        tune([photos], run, nano, image_size=128)
    if not torch.cuda.is_available():
        with pytest.raises(EarvidError, match="fp16 needs a CUDA device"):
            tune([photos], run, nano, precision="fp16")
    with pytest.raises(UsageError, match="no recipe 'audio'"):
        tune([photos], run, nano, recipe="audio")


def test_the_rate_rises_and_falls():
    rates = [rate(step / 100, step, 10) for step in range(101)]
    assert rates[0] == pytest.approx(0.1, abs=0.01) and max(rates) > 0.95
    assert rates[-1] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)
