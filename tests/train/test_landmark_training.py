import json

import cv2
import numpy as np
import pytest
import torch

from earvid.cli import main
from earvid.errors import EarvidError
from earvid.landmarks.guess import load_landmark_model
from earvid.landmarks.guess.contours import diagonal
from earvid.landmarks.guess.network import LandmarkConfig, LandmarkNetwork, cells, moments
from earvid.train.landmark_crops import CropMaker, CropSettings, bent_crop, bent_points, sample_bend
from earvid.train.landmark_data import LandmarkData, find_data, free_patches, load_data
from earvid.train.landmark_fit import logistic
from earvid.train.landmark_loss import landmark_loss, make_targets
from earvid.train.landmark_made import read_vertices
from earvid.train.landmark_photos import HIDDEN, UNCERTAIN, find_landmark_photos
from earvid.train.landmark_pseudo import MaskedEar, pack, pseudo_photos, unpack
from earvid.train.landmark_settings import LandmarkSettings
from earvid.train.landmark_trainer import LandmarkTrainer

CONFIG = LandmarkConfig(side=64, width=16, modes=2)


def outline(scale=1.0, at=(100.0, 80.0)):
    """A made-up ear whose face looks to image-right: curves inside one another."""
    parts = []
    for count, size, start, stop in ((20, 60, 0.3, 5.6), (15, 42, 0.4, 4.8), (15, 26, 0.2, 5.5),
                                     (5, 34, 2.0, 2.8)):  # fmt: skip
        angle = -np.linspace(start, stop, count)
        parts.append(np.stack([0.6 * size * np.cos(angle), size * np.sin(angle)], 1))
    return np.concatenate(parts) * scale + at


def picture(points, size=(160, 220)):
    image = np.full((*size, 3), (90, 120, 150), np.uint8)
    cv2.fillPoly(image, [points[:20].round().astype(int)], (220, 170, 140))
    cv2.polylines(image, [points[35:50].round().astype(int)], False, (90, 50, 40), 2)
    return image


def folder(path, names=("anna1", "anna2", "ben1"), mirrored=()):
    """Photos with .pts files, and notes about the first."""
    for part in ("images", "landmarks"):
        (path / part).mkdir(parents=True)
    for number, name in enumerate(names):
        points = outline(1.0 + 0.05 * number)
        image = picture(points)
        if name in mirrored:
            image, points = image[:, ::-1], points * [-1, 1] + [image.shape[1] - 1, 0]
        cv2.imwrite(str(path / "images" / f"{name}.png"), np.ascontiguousarray(image[..., ::-1]))
        lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
        text = f"version: 1\nn_points: 55\n{{\n{lines}\n}}\n"
        (path / "landmarks" / f"{name}.pts").write_text(text)
    notes = f"name,hidden_points,uncertain_points,quality (3 best)\n{names[0]},3,3;7,2\n"
    (path / "landmarks" / "notes.csv").write_text(notes)
    return path


def masked(path):
    for part in ("images", "masks"):
        (path / part).mkdir(parents=True)
    points = outline()
    cv2.imwrite(str(path / "images" / "m1.png"), picture(points)[..., ::-1])
    mask = cv2.fillPoly(np.zeros((160, 220), np.uint8), [points[:20].round().astype(int)], 255)
    cv2.imwrite(str(path / "masks" / "m1.png"), mask)
    return path


def data(path):
    refs = find_data(
        [folder(path / "d"), masked(path / "m")], hold_out=["d/ben*"], calibrate=["d/anna2"]
    )
    return load_data(refs)


def trainer(run, material, minutes=1.0, **kwargs):
    settings = LandmarkSettings(
        minutes=minutes,
        batch=4,
        threads=1,
        frozen_stages=0,
        guess_at=(0.2,),
        learning_rate=1e-2,
        **kwargs,
    )
    return LandmarkTrainer(run, settings, material, config=CONFIG, log=lambda line: None)


def test_photos_are_read_with_their_doubts_and_all_face_right(tmp_path):
    refs = find_landmark_photos([folder(tmp_path / "d", mirrored=("anna2",))])
    assert [ref.name for ref in refs] == ["d/anna1", "d/anna2", "d/ben1"]
    first, second = load_data(find_data([tmp_path / "d"])).labelled[:2]
    assert first.weight[3] == HIDDEN and first.weight[7] == UNCERTAIN and first.weight[8] == 1
    shapes = [(p.points - p.points.mean(0)) / diagonal(p.points) for p in (first, second)]
    assert np.abs(shapes[0] - shapes[1]).max() < 1e-3


def test_folders_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(EarvidError, match="No photo has landmarks"):
        find_data([tmp_path])
    made = folder(tmp_path / "d")
    with pytest.raises(EarvidError, match="matches no photo"):
        find_data([made], hold_out=["d/carl*"])
    (made / "landmarks" / "notes.csv").write_text("name,hidden_points\nanna1,3\n")
    with pytest.raises(EarvidError, match="list of doubts"):
        find_data([made])
    (made / "landmarks" / "notes.csv").unlink()
    (made / "landmarks" / "anna1.pts").write_text("version: 1\nn_points: 1\n{\n3 4\n}\n")
    with pytest.raises(EarvidError, match="55"):
        load_data(find_data([made]))
    (tmp_path / "v.txt").write_text("1 2 3")
    with pytest.raises(EarvidError, match="55 vertex"):
        read_vertices(tmp_path / "v.txt")


def test_crops_repeat_differ_and_show_points_where_they_say(tmp_path):
    material = data(tmp_path)
    clean = CropSettings(side=64, occluded=0, recolored=0, empty=0, mirrored=0)
    mean = material.labelled[0].points

    def maker():
        return CropMaker([material.labelled], [1.0], material.grounds, mean, clean, 3)

    a, b, c = maker().crop(5), maker().crop(5), maker().crop(6)
    assert np.array_equal(a.image, b.image) and np.array_equal(a.points, b.points)
    assert not np.array_equal(a.image, c.image)
    for index in range(20):
        crop = maker().crop(index)
        assert crop.ear and crop.facing == 1 and crop.image.shape == (64, 64, 3)
        assert crop.weight.mean() > 0.6 and 15 < diagonal(crop.points) < 90


def test_bent_points_lie_where_the_bent_picture_shows_them():
    rng = np.random.default_rng(2)
    matrix = np.array([[0.7, 0.1, 3], [-0.08, 0.6, 8], [2e-4, 1e-4, 1.0]])
    bend = sample_bend(rng, 128, 1.2)
    for x, y in ((60, 50), (110, 90), (80, 120)):
        image = np.zeros((160, 220, 3), np.uint8)
        cv2.circle(image, (x, y), 3, (255, 255, 255), -1)
        crop = bent_crop(image, matrix, bend)[..., 0].astype(float)
        rows, columns = np.mgrid[:128, :128]
        middle = np.array([(columns * crop).sum(), (rows * crop).sum()]) / crop.sum()
        here = bent_points(np.array([[x, y]], float), matrix, bend)[0]
        assert np.abs(here - middle).max() < 0.6


def test_crops_without_an_ear_and_crops_that_face_left(tmp_path):
    material = data(tmp_path)
    mean = material.labelled[0].points

    def crops(**kwargs):
        maker = CropMaker(
            [material.labelled], [1.0], material.grounds, mean, CropSettings(side=64, **kwargs)
        )
        return [maker.crop(i) for i in range(12)]

    assert all(not c.ear and c.facing == -1 for c in crops(empty=1.0))
    assert all(c.facing == 0 and c.weight.sum() == 0 for c in crops(empty=0, mirrored=1.0))


def test_the_loss_is_least_for_the_truth(tmp_path):
    material = data(tmp_path)
    maker = CropMaker([material.labelled], [1.0], material.grounds, material.labelled[0].points,
                      CropSettings(side=64, empty=0.3))  # fmt: skip
    crops = [maker.crop(i) for i in range(12)]
    targets = make_targets(crops)
    assert targets.empty.any() and torch.allclose(targets.heat.sum(-1), torch.ones(12, 55))
    heat = LandmarkNetwork(CONFIG)(torch.zeros(12, 3, 64, 64))
    shape = heat.maps.shape
    perfect = heat._replace(
        maps=targets.heat.clamp(min=1e-12).log().reshape(shape),
        facing=(targets.facing - 0.5) * 16,
    )
    good, bad = landmark_loss(perfect, targets), landmark_loss(heat, targets)
    for part in ("heat", "place", "facing", "total"):
        assert good[part] < 0.5 * bad[part], part
    assert good["empty"] < 1e-6


def test_moments_of_a_spot():
    place = cells(16, 16)
    goal = torch.tensor([30.2, 22.7])
    heat = (-0.5 * ((place - goal) ** 2).sum(1) / 5.0**2).reshape(1, 1, 16, 16)
    mean, spread = moments(heat)
    assert torch.allclose(mean[0, 0], goal, atol=0.1)
    assert torch.allclose(spread[0, 0], 25 * torch.eye(2), rtol=0.05, atol=0.5)


def test_a_run_learns_saves_and_goes_on(tmp_path):
    material = data(tmp_path)
    first = trainer(tmp_path / "run", material)
    maker = first.maker()
    crops = [maker.crop(i) for i in range(4)]
    losses = [first.train_step(crops)["total"] for _ in range(40)]
    assert np.mean(losses[-3:]) < 0.75 * np.mean(losses[:3]), losses
    first.elapsed = 30.0
    first.save()

    again = trainer(tmp_path / "run", material)
    assert again.step == 40 and again.progress == pytest.approx(0.5)
    for one in (first, again):  # the same next step, to the last bit
        one.train_step([one.maker().crop(i) for i in range(4)])
    for name, value in first.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name
    assert all(torch.equal(again.average[name], v) for name, v in first.average.items())

    again.elapsed = 59.99
    scores = again.fit()
    assert again.step > 41 and again.guessed == 1
    assert scores is not None and scores.photos == 1 and scores.nme > 0
    assert list((tmp_path / "run" / "samples").glob("*.png"))
    logged = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(logged[-1])["kind"] == "validation"
    model = load_landmark_model(tmp_path / "run" / "weights.safetensors")
    assert model.config == again.config != CONFIG  # with fitted confidences
    assert np.allclose(model.prior.mean, again.prior.mean, atol=1e-3)
    image = picture(outline())
    assert np.isfinite(model.guess(image, (60.0, 20.0, 140.0, 140.0)).points).all()


def test_another_or_a_damaged_run_is_refused(tmp_path):
    material = data(tmp_path)
    trainer(tmp_path / "run", material).save()
    settings = LandmarkSettings(threads=1)
    with pytest.raises(EarvidError, match="another kind"):
        LandmarkTrainer(tmp_path / "run", settings, material, config=LandmarkConfig(width=32))
    with pytest.raises(EarvidError, match="other photos"):
        trainer(tmp_path / "run", LandmarkData(material.calibration))
    (tmp_path / "run" / "last.pt").write_bytes(b"torn")
    with pytest.raises(EarvidError, match="damaged"):
        trainer(tmp_path / "run", material)
    with pytest.raises(EarvidError, match="no photos"):
        trainer(tmp_path / "new", LandmarkData([]))


def test_only_guesses_that_fit_a_mask_are_learned_from(tmp_path):
    material = data(tmp_path)
    truth = outline()

    class Knows:
        """Stands for a trained model: it finds the points, or misses them."""

        def __init__(self, shift):
            self.shift = shift

        def look(self, image, box, side):
            from earvid.landmarks.guess.model import Look

            return Look(truth + self.shift, np.full(55, -3.0), 1.0), False

    ears = material.masked
    assert len(ears) == 1 and isinstance(ears[0], MaskedEar)
    (found,) = pseudo_photos(Knows(0.5), ears)
    assert found.weight[10] > found.weight[40] > 0
    assert pseudo_photos(Knows(25.0), ears) == []
    (back,) = unpack(pack([found]))
    assert np.array_equal(back.points, found.points) and np.array_equal(back.image, found.image)


def test_free_patches_show_nothing_that_is_taken():
    image = np.zeros((80, 120, 3), np.uint8)
    taken = np.zeros((80, 120), bool)
    taken[20:60, 30:90] = True
    image[taken] = 255
    patches = free_patches(np.random.default_rng(0), image, taken)
    assert patches and all(patch.max() == 0 for patch in patches)


def test_doubt_is_turned_into_probability():
    rng = np.random.default_rng(0)
    doubt = rng.normal(-3, 0.7, 4000)
    right = rng.random(4000) < 1 / (1 + np.exp(4 + 2 * doubt))
    offset, slope = logistic(doubt, right)
    assert slope == pytest.approx(-2, rel=0.15) and offset == pytest.approx(-4, rel=0.15)
    assert logistic(doubt, ~right)[1] < 0


def verb(capfd, *arguments):
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["train-landmarks", *map(str, arguments)])
    out, err = capfd.readouterr()
    return end.value.code, out, err


def test_the_verb_trains_and_says_how_well(tmp_path, capfd):
    made, run = folder(tmp_path / "d"), tmp_path / "run"
    options = ("--run", run, "--minutes", "0.02", "--drawn", "0", "--threads", "1")
    code, out, err = verb(capfd, made, *options, "--hold-out", "d/ben*")
    assert code == 0 and "weights.safetensors: 1 photos: NME" in out, err
    assert "inner helix: error" in out
    assert verb(capfd, made, *options, "--hold-out", "b*")[0] == 1
    code, _, err = verb(capfd, made, *options, "--mesh", tmp_path / "none.obj")
    assert code == 1 and "none.obj needs its texture" in err and "Traceback" not in err
    code, _, err = verb(capfd, tmp_path / "nowhere", *options)
    assert code == 1 and "No photo has landmarks" in err
