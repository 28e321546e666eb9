import gc
import time
from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest
import torch
from test_synthesis import folder, still

from earvid.errors import EarvidError, ModelError, UsageError
from earvid.models import NanoConfig, build_nano, load_model
from earvid.models.weights import read_weights
from earvid.train import ClipMaker, ClipSettings, Still, Trainer, TrainSettings, find_stills, split
from earvid.train.losses import LossWeights, frame_loss
from earvid.train.step import _Decoded, _in_use_first, collate, predict_clips, run_clips
from earvid.train.trunk_weights import load_trunk_weights
from earvid.train.validate import held_maker, validate

CONFIG = NanoConfig(image_size=64, width=32, memory_width=16, attention_layers=1, feedforward=64)


def trainer(run, data, minutes, **kwargs):
    settings = TrainSettings(
        minutes=minutes,
        frames_per_step=6,
        lengths=(2, 3),
        clip=ClipSettings(side=64),
        **kwargs,
    )
    train, held = split(find_stills([data]), ["d/z"])
    return Trainer(run, CONFIG, settings, train, held, log=lambda line: None)


def test_a_run_learns_saves_and_goes_on(tmp_path):
    data = folder(tmp_path / "d")
    first = trainer(tmp_path / "run", data, minutes=0.05)
    report = first.fit()
    assert first.step > 0 and first.clock.progress == 1.0
    assert 0 <= report.iou <= 1 and (tmp_path / "run" / "log.jsonl").exists()
    assert list((tmp_path / "run" / "samples").glob("*.png"))

    again = trainer(tmp_path / "run", data, minutes=2 * first.clock.minutes)
    assert again.step == first.step and again.clock.progress == pytest.approx(0.5)
    for name, value in first.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name
    again.fit()
    assert again.step > first.step
    loaded = load_model(checkpoint=tmp_path / "run" / "weights.safetensors")
    assert loaded.model.image_size == 64


def test_a_run_of_another_architecture_is_refused(tmp_path):
    data = folder(tmp_path / "d")
    first = trainer(tmp_path / "run", data, minutes=1)
    first.save()
    settings = TrainSettings(minutes=1)
    refs = find_stills([data])
    with pytest.raises(EarvidError, match="another architecture"):
        Trainer(tmp_path / "run", NanoConfig(image_size=96), settings, refs, [])
    (tmp_path / "run" / "last.pt").write_bytes(b"torn")
    with pytest.raises(EarvidError, match="damaged"):
        trainer(tmp_path / "run", data, minutes=1)


def test_every_part_of_the_model_learns():
    """One step reaches all parameters but those that SAM 2 itself leaves out."""
    torch.manual_seed(0)
    model = build_nano(CONFIG).train()
    maker = ClipMaker([still()], ClipSettings(side=64, length=4, cut=1.0), seed=2)
    for mask_share in (0.0, 1.0):
        batch = collate([maker.clip(i) for i in range(3)], np.random.default_rng(0), mask_share)
        losses = run_clips(model, batch, LossWeights(), force_presence=True)
        torch.stack([x.total for x in losses]).sum().backward()
    idle = {n for n, p in model.named_parameters() if p.grad is None}
    expected = ("no_mem_pos_enc", "sam_mask_decoder.mask_tokens")
    unused = {n for n in idle if not n.startswith(expected) and "mask_downscaling" not in n}
    assert unused <= {"no_obj_ptr", "no_obj_embed_spatial"}, unused


def test_the_loss_prefers_the_truth():
    truth = torch.zeros(1, 1, 32, 32)
    truth[..., 8:20, 10:18] = 1
    present = torch.tensor([True])
    iou, seen = torch.full((1, 1), 0.9), torch.full((1, 1), 3.0)

    def total(mask):
        return frame_loss(mask * 12 - 6, iou, seen, truth, present, LossWeights()).total.item()

    shifted = torch.roll(truth, 3, -1)
    assert total(truth) < total(shifted) < total(1 - truth)


def test_of_the_alternatives_only_the_best_learns_its_mask():
    truth = torch.zeros(1, 1, 32, 32)
    truth[..., 8:20, 10:18] = 1
    near, far = torch.roll(truth, 1, -1), torch.roll(truth, 9, -1)
    logits = (torch.cat([near, far, near, far], 1) * 12 - 6).requires_grad_()
    logits.data[:, 1] = truth[:, 0] * 12 - 6
    iou, seen = torch.full((1, 4), 0.9), torch.full((1, 1), 3.0)
    loss = frame_loss(logits, iou, seen, truth, torch.tensor([True]), LossWeights())
    loss.total.backward()
    moved = logits.grad.abs().sum((0, 2, 3)) > 0
    assert moved.tolist() == [True, True, False, False]


def test_a_clip_is_tracked_both_ways_from_its_middle():
    torch.manual_seed(0)
    model = build_nano(CONFIG)
    maker = ClipMaker([still()], ClipSettings(side=64, length=5, leaving=0, cut=0, covered=0))
    clips = [maker.clip(i) for i in range(2)]
    batch = collate(clips, np.random.default_rng(1), mask_share=0.0, middle_share=1.0)
    assert 0 <= batch.keyframe < 5
    for keyframe in (0, 2, 4):
        masks, scores, presence = predict_clips(model, replace(batch, keyframe=keyframe))
        assert masks.shape == (5, 2, 64, 64) and scores.shape == presence.shape == (5, 2)
        assert np.isfinite(scores).all()


def test_a_calibration_stays_until_the_weights_change(tmp_path):
    data, path = folder(tmp_path / "d"), tmp_path / "run" / "weights.safetensors"
    judges = find_stills([data])[:1]
    run = trainer(tmp_path / "run", data, minutes=0.02)
    told = run.fit(judges)
    weights, about = read_weights(path)
    assert about["notes"]["calibration"] == asdict(run.calibration)
    assert about["notes"]["alternatives"] is True
    model = load_model(checkpoint=path).model
    held = held_maker(run.held_stills, run.settings.clip, seed=77)
    assert validate(model, held, 24).score_error == pytest.approx(told.score_error, abs=0.01)

    again = trainer(tmp_path / "run", data, minutes=0.02)
    assert again.fit() == told  # of the calibrated weights
    kept, about = read_weights(path)
    assert all(torch.equal(kept[name], value) for name, value in weights.items())
    assert about["notes"]["calibration"] == asdict(run.calibration)
    assert again.calibrate(judges) == run.calibration  # once, and not on top of itself

    longer = trainer(tmp_path / "run", data, minutes=2 * run.clock.minutes)
    longer.fit()
    assert longer.calibration is None and "calibration" not in read_weights(path)[1]["notes"]


def test_the_time_of_a_run_is_that_of_a_clock_on_the_wall(tmp_path, monkeypatch):
    """Validations, checkpoints and waiting for clips count."""
    slow = trainer(tmp_path / "run", folder(tmp_path / "d"), 0.03, look_every=0.0)
    look = slow.look

    def looking():
        time.sleep(0.4)
        return look()

    monkeypatch.setattr(slow, "look", looking)
    slow.fit()
    # All of 1.8 s is spent after five steps at the latest, for each is followed by a look.
    assert slow.step <= 5 and slow.clock.elapsed >= 1.8
    again = trainer(tmp_path / "run", tmp_path / "d", minutes=0.06)
    assert again.clock.elapsed == slow.clock.elapsed


def test_a_large_folder_trains_in_flat_memory(tmp_path):
    names = [f"p{n}" for n in range(40)]
    data = folder(tmp_path / "d", (*names, "z"))
    of_one = 180 * 240 * 4
    run = trainer(tmp_path / "run", data, minutes=0.05, cache_bytes=4 * of_one)
    assert len(run.train_stills) == 40 and run._cache.size == 0
    run.fit()
    assert 0 < run._cache.size <= 4 * of_one
    gc.collect()
    decoded = [s for s in gc.get_objects() if type(s) is Still and s.name.startswith("d/p")]
    assert len(decoded) <= 4


def test_photos_that_do_not_fit_are_named_before_anything_is_trained(tmp_path):
    data = folder(tmp_path / "d")
    (data / "images" / "y.jpg").write_text("none")
    with pytest.raises(EarvidError, match=r"y.jpg cannot be read"):
        trainer(tmp_path / "run", data, minutes=1)
    cv2.imwrite(str(data / "images" / "y.jpg"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(EarvidError, match="differ in size"):
        trainer(tmp_path / "run", data, minutes=1)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_its_photos_and_its_start_alone(tmp_path):
    data = folder(tmp_path / "d")
    trainer(tmp_path / "run", data, minutes=1).save()
    refs = find_stills([data])
    settings = TrainSettings(minutes=1, clip=ClipSettings(side=64))
    with pytest.raises(EarvidError, match="other photos to learn from"):
        Trainer(tmp_path / "run", CONFIG, settings, refs, [])
    # Who is held out decides nothing about the weights, and can be split for calibration later.
    Trainer(tmp_path / "run", CONFIG, settings, split(refs, ["d/z"])[0], [])


def test_a_trunk_without_stages_is_not_frozen(tmp_path):
    config = NanoConfig(trunk="resnet10t", image_size=64)
    refs = find_stills([folder(tmp_path / "d")])
    with pytest.raises(UsageError, match="--frozen-stages 0"):
        Trainer(tmp_path / "run", config, TrainSettings(frozen_stages=1), refs, [])


def test_trunk_weights_must_be_those_of_the_trunk(tmp_path):
    path = tmp_path / "t.pth"
    torch.save({"a": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match="EfficientNet-Lite0"):
        load_trunk_weights(build_nano(CONFIG), path)
    path.write_text("none")
    with pytest.raises(ModelError, match="cannot be read"):
        load_trunk_weights(build_nano(CONFIG), path)


def test_the_mask_that_tracking_uses_comes_first():
    raw = _Decoded(
        masks=torch.arange(8.0).view(2, 4, 1, 1),
        iou=torch.tensor([[0.9, 0.1, 0.8, 0.2], [0.9, 0.7, 0.1, 0.2]]),
        presence=torch.zeros(2, 1),
    )
    assert _in_use_first(raw, several=False) is raw
    used = _in_use_first(raw, several=True)  # as SAM 2.1: the best of masks 1 to 3
    assert used.masks[:, 0].flatten().tolist() == [2, 5]
    assert used.iou[:, 0].tolist() == pytest.approx([0.8, 0.7])
    assert sorted(used.masks[0].flatten().tolist()) == [0, 1, 2, 3]  # none is lost
