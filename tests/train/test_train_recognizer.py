import numpy as np
import pytest
import torch

from earvid.errors import EarvidError
from earvid.recognize import RecognizerConfig, load_recognizer
from earvid.sample.clip import make_clip
from earvid.sample.params import random_ear
from earvid.train.recognizer import RecognizerSettings, RecognizerTrainer
from earvid.train.recognizer_contrast import contrast
from earvid.train.recognizer_drawn import drawn_ears
from earvid.train.recognizer_views import ViewMaker, keep_ears
from earvid.train.stills import Still

CONFIG = RecognizerConfig(side=48, width=16)


@pytest.fixture(scope="module")
def ears():
    stills = []
    for seed in range(9):
        shown = next(iter(make_clip(random_ear(seed), 1, 160, 120, seed=seed, ear_height=0.5)))
        mask = np.where(shown.mask, 255, 0).astype(np.uint8)
        stills.append(Still(f"drawn/ear{seed:03d}x", shown.image, (mask,)))
    return keep_ears([*stills, None])


def trainer(run, ears, minutes=1.0, config=CONFIG, log=lambda line: None):
    settings = RecognizerSettings(minutes=minutes, ears=4, frozen_stages=0, threads=1)
    return RecognizerTrainer(run, settings, ears, ears[:3], config=config, log=log)


def test_views_repeat_and_show_the_mirror_image(ears):
    views = ViewMaker(CONFIG, ears)
    pair = (ears[0], ears[0])
    a, b = (views.pair(np.random.default_rng(5), pair, False) for _ in range(2))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert a[0].shape == (48, 48, 3) and a[0].dtype == np.uint8
    assert not np.array_equal(a[0], a[1])


def test_the_contrast_is_least_when_pairs_agree_and_others_do_not():
    apart = ~np.eye(3, dtype=bool)
    same = torch.eye(3).repeat(2, 1)
    shuffled = torch.cat([torch.eye(3), torch.eye(3).roll(1, 0)])
    assert contrast(same, apart, 0.1) < 0.01 < contrast(shuffled, apart, 0.1)
    # A pair that may be one person is not pushed apart.
    alike = torch.eye(3)[[0, 0, 2]].repeat(2, 1)
    maybe = apart.copy()
    maybe[0, 1] = maybe[1, 0] = False
    assert contrast(alike, maybe, 0.1) < 0.01 < contrast(alike, apart, 0.1)


def test_a_run_learns_saves_and_goes_on(tmp_path, ears):
    first = trainer(tmp_path / "run", ears)
    batch = first._batch(0)
    losses = [first.train_step(batch) for _ in range(25)]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3]), losses
    first.clock.elapsed = 59.95
    first.save()
    again = trainer(tmp_path / "run", ears)
    assert again.step == 25
    for name, value in first.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name
    scores = again.fit()
    assert again.step > 25 and scores is not None and 0 <= scores.equal_error <= 1
    shipped = load_recognizer(tmp_path / "run" / "weights.safetensors")
    assert shipped.same == scores.same
    finished = trainer(tmp_path / "run", ears)
    assert finished.clock.progress == 1


def test_another_run_a_damaged_one_or_too_few_ears_are_refused(tmp_path, ears):
    trainer(tmp_path / "run", ears).save()
    with pytest.raises(EarvidError, match="another kind"):
        trainer(tmp_path / "run", ears, config=RecognizerConfig(side=48, width=24))
    (tmp_path / "run" / "last.pt").write_bytes(b"torn")
    with pytest.raises(EarvidError, match="damaged"):
        trainer(tmp_path / "run", ears)
    with pytest.raises(EarvidError, match="eight people"):
        trainer(tmp_path / "other", ears[:5])


def test_drawn_ears_come_in_families_and_count_for_no_people(tmp_path, ears):
    drawn = list(drawn_ears(5, seed=3))
    assert [ear.family for ear in drawn] == ["drawn0"] * 4 + ["drawn1"]
    assert len({ear.subject for ear in drawn}) == 5
    assert drawn[0].image.shape == (224, 224, 3) and drawn[0].near.max() == 255
    again = next(iter(drawn_ears(5, seed=3)))
    assert np.array_equal(again.image, drawn[0].image)
    with pytest.raises(EarvidError, match="eight people"):
        trainer(tmp_path / "run", [*ears[:3], *drawn])


def test_ears_in_company_share_camera_and_light(ears):
    views, rng = ViewMaker(CONFIG, ears), np.random.default_rng(2)
    shared = views.company(rng)
    one, two = (views.pair(np.random.default_rng(4), (e, e), False, shared) for e in ears[:2])
    alone = views.pair(np.random.default_rng(4), (ears[1], ears[1]), False)
    # In one company the two are as light as each other, and not as the camera of another clip.
    assert not np.array_equal(two[0], alone[0]) and not np.array_equal(one[0], two[0])
