import json

import numpy as np
import pytest
import torch
from test_synthesis import folder

from earvid.detect import DetectorConfig, EarNetwork, load_detector
from earvid.errors import EarvidError
from earvid.train import find_stills
from earvid.train.detector import DetectorSettings, DetectorTrainer
from earvid.train.detector_loss import cell_boxes, detector_loss, make_targets
from earvid.train.detector_photos import LEFT, RIGHT, UNKNOWN, Photo, SideBook, load_photos
from earvid.train.detector_scenes import SceneMaker, SceneSettings
from earvid.train.photos import PhotoCache

CONFIG = DetectorConfig(width=32, sizes=(96,))
SCENES = SceneSettings(side=96, ear=(16.0, 80.0))


def photo(sides=(RIGHT,)):
    """An ellipse on a ramp, with a dark bar on one side of it."""
    image = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, :, None], (120, 160, 3)).copy()
    rows, columns = np.mgrid[:120, :160]
    mask = ((columns - 80) / 16) ** 2 + ((rows - 60) / 28) ** 2 <= 1
    image[mask] = (220, 160, 130)
    image[mask & (columns > 88)] = 20
    return Photo(image, (np.where(mask, 255, 0).astype(np.uint8),), sides)


def maker(**kwargs):
    return SceneMaker([[photo()]], [1.0], SceneSettings(side=96, ear=(16.0, 80.0), **kwargs), 3)


def trainer(run, minutes=1.0, log=lambda line: None, **kwargs):
    settings = DetectorSettings(
        minutes=minutes, batch=4, drawn=1, threads=1, frozen_stages=0, scene=SCENES, **kwargs
    )
    return DetectorTrainer(run, settings, [[photo()]], [photo()], config=CONFIG, log=log)


def test_scenes_repeat_and_differ():
    a, b, c = maker().scene(5), maker().scene(5), maker().scene(6)
    assert np.array_equal(a.image, b.image) and np.array_equal(a.boxes, b.boxes)
    assert not np.array_equal(a.image, c.image)


def test_scenes_show_ears_in_boxes_that_fit_and_sides_that_turn_with_them():
    clean = maker(mosaic=0, empty=0, covered=0, occluded=0)
    sides = set()
    for index in range(60):
        scene = clean.scene(index)
        assert scene.image.shape == (96, 96, 3) and len(scene.boxes) == len(scene.sides)
        sides |= set(scene.sides.tolist())
        for x0, y0, x1, y1 in scene.boxes:
            assert -0.5 <= x0 < x1 <= 95.5 and -0.5 <= y0 < y1 <= 95.5
    assert sides == {LEFT, RIGHT}
    assert all(len(maker(empty=1.0).scene(i).boxes) == 0 for i in range(10))


def test_targets_say_what_the_scene_says():
    scenes = [s for s in (maker(empty=0).scene(i) for i in range(20)) if len(s.boxes) == 1]
    targets = make_targets(scenes)
    for k, scene in enumerate(scenes):
        assert (targets.heat[k] == 1).sum() == 1
        row, column = (int(i) for i in (targets.heat[k] == 1).nonzero()[0])
        assert np.allclose(targets.boxes[k, :, row, column], scene.boxes[0])
        assert targets.sides[k, row, column] == scene.sides[0]


def test_the_loss_is_least_for_the_truth():
    scenes = [s for s in (maker(empty=0).scene(i) for i in range(20)) if len(s.boxes) == 1]
    targets = make_targets(scenes)
    network = EarNetwork(CONFIG)
    images = torch.zeros(len(scenes), 3, 96, 96)
    maps = network(images)
    at = cell_boxes(torch.zeros_like(maps.reach))  # centers of cells
    signs = torch.tensor([-1.0, -1.0, 1.0, 1.0])[:, None, None]
    perfect = maps._replace(
        heat=torch.where(targets.heat == 1, 9.0, torch.where(targets.heat > 0.3, 0.0, -9.0)),
        reach=(signs * (targets.boxes - at)).clamp(min=0.1),
        facing=torch.where(targets.sides == RIGHT, 8.0, -8.0),
    )
    good, bad = detector_loss(perfect, targets), detector_loss(maps, targets)
    for part in ("heat", "box", "side", "total"):
        assert good[part] < 0.5 * bad[part], part
    empty = maker(empty=1.0)
    none = detector_loss(maps, make_targets([empty.scene(i) for i in range(len(scenes))]))
    assert none["box"] == 0 and none["side"] == 0 and torch.isfinite(none["total"])


def test_a_run_learns_saves_and_goes_on(tmp_path):
    first = trainer(tmp_path / "run")
    scenes = [first.maker.scene(i) for i in range(4)]
    losses = [first.train_step(scenes)["total"] for _ in range(40)]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3]), losses
    first.clock.elapsed = 30.0
    first.save()

    again = trainer(tmp_path / "run")
    assert again.step == 40 and again.clock.progress == pytest.approx(0.5)
    for name, value in first.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name
    again.clock.elapsed = 59.99
    scores = again.fit()
    assert again.step > 40 and scores is not None and 0 <= scores.recall <= 1
    assert list((tmp_path / "run" / "samples").glob("*.png"))
    logged = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(logged[-1])["kind"] == "validation"
    load_detector(tmp_path / "run" / "weights.safetensors").detect(photo().image)


def test_a_confidence_that_is_not_fitted_is_told(tmp_path):
    said = []
    settings = DetectorSettings(minutes=1, batch=4, drawn=1, threads=1, frozen_stages=0)
    groups = [[photo()]]
    alone = DetectorTrainer(tmp_path / "a", settings, groups, [], config=CONFIG, log=said.append)
    assert (alone.detector().config.slope, alone.detector().config.offset) == (1.0, 0.0)
    assert "not fitted" in said[0] and "no photos are held out" in said[0]
    other = trainer(tmp_path / "b", log=said.append)
    other.held_out = [Photo(photo().image, (), ())]  # nothing there can be a hit
    other.detector()
    assert "not fitted" in said[-1] and "false alarms both" in said[-1]


def test_photos_are_decoded_when_needed_and_kept_within_bounds(tmp_path):
    refs = find_stills([folder(tmp_path / "d", names=[f"p{n}" for n in range(9)])])
    cache = PhotoCache(3 * 180 * 240 * 4)
    photos = load_photos(refs, SideBook(), cache)
    assert len(photos) == 9 and cache.size == 0
    few = SceneMaker([photos], [1.0], SCENES, 3)
    all_ = SceneMaker([load_photos(refs, SideBook())], [1.0], SCENES, 3)
    for index in range(12):
        assert np.array_equal(few.scene(index).image, all_.scene(index).image)
        assert 0 < cache.size <= 3 * 180 * 240 * 4


def test_another_or_a_damaged_run_is_refused(tmp_path):
    trainer(tmp_path / "run").save()
    other = DetectorConfig(width=40, sizes=(96,))
    with pytest.raises(EarvidError, match="another kind"):
        DetectorTrainer(tmp_path / "run", DetectorSettings(drawn=1), [[photo()]], [], config=other)
    (tmp_path / "run" / "last.pt").write_bytes(b"torn")
    with pytest.raises(EarvidError, match="damaged"):
        trainer(tmp_path / "run")
    with pytest.raises(EarvidError, match="No mask"):
        DetectorTrainer(tmp_path / "new", DetectorSettings(drawn=0), [[]], [])


def test_sides_by_file_by_pattern_and_by_pairs(tmp_path):
    data = folder(tmp_path / "d", names=("x", "y"))
    refs = find_stills([data])
    table = tmp_path / "sides.csv"
    table.write_text("photo,x,y,side\nd/x,120,90,left\nd/y,5,5,right\n")
    assert [p.sides for p in load_photos(refs, SideBook(table))] == [(LEFT,), (UNKNOWN,)]
    assert [p.sides for p in load_photos(refs, SideBook(faces_right=["d/*"]))] == [(RIGHT,)] * 2
    table.write_text("photo,side\nd/x,left\n")
    with pytest.raises(EarvidError, match="columns"):
        SideBook(table)
    with pytest.raises(EarvidError, match="cannot be read"):
        SideBook(tmp_path / "none.csv")


def test_the_image_left_ear_of_a_frontal_face_is_the_right_one():
    from earvid.train import Still

    def ear(x, y=100, height=40):
        mask = np.zeros((240, 320), np.uint8)
        mask[y : y + height, x : x + 20] = 255
        return mask

    def sides(*ears):
        return SideBook().sides(Still("a/1", np.zeros((240, 320, 3), np.uint8), ears))

    assert sides(ear(200), ear(100)) == (LEFT, RIGHT)
    assert sides(ear(100)) == (UNKNOWN,)
    assert sides(ear(100, y=20), ear(200, y=180)) == (UNKNOWN, UNKNOWN)  # not one head
