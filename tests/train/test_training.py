from dataclasses import replace

import numpy as np
import pytest
import torch
from test_synthesis import folder, still

from earvid.errors import EarvidError, ModelError
from earvid.models import NanoConfig, build_nano, load_model
from earvid.models.weights import read_weights
from earvid.train import ClipMaker, ClipSettings, Trainer, TrainSettings, find_stills, split
from earvid.train.losses import LossWeights, frame_loss
from earvid.train.step import _Decoded, _in_use_first, collate, predict_clips, run_clips
from earvid.train.trunk_weights import load_trunk_weights

CONFIG = NanoConfig(image_size=64)


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
    assert first.step > 0 and first.progress == 1.0
    assert 0 <= report.iou <= 1 and (tmp_path / "run" / "log.jsonl").exists()
    assert list((tmp_path / "run" / "samples").glob("*.png"))

    again = trainer(tmp_path / "run", data, minutes=2 * first.elapsed / 60)
    assert again.step == first.step and again.progress == pytest.approx(0.5)
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


def test_a_run_is_calibrated_at_its_end(tmp_path):
    data = folder(tmp_path / "d")
    run = trainer(tmp_path / "run", data, minutes=0.02)
    run.fit()
    done = run.calibrate(find_stills([data]))
    notes = read_weights(tmp_path / "run" / "weights.safetensors")[1]["notes"]
    assert notes["calibration"]["score_stretch"] == done.score_stretch
    assert notes["alternatives"] is True


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
