"""Masks, opened by the libraries that read them."""

from __future__ import annotations

import json
import warnings

import cv2
import nibabel
import nrrd
import numpy as np
import pytest
import slicerio
from made_store import ABSENT, CORRECTED, FRAMES, HEIGHT, IDS, NAMES, WEAK, WIDTH
from PIL import Image

from earvid.export import Selection, export
from earvid.finetune.coco import coco_photos
from earvid.prompt import read_mask

PART = Selection(frames=(slice(1, 9, 2),), ears=("right",))  # frames 1, 3, 5, 7


def only(masks, number):
    return np.where(masks == number, masks, 0)


def test_coco_read_by_pycocotools(made, tmp_path):
    from pycocotools.coco import COCO

    coco = COCO(export(made.store, "coco", tmp_path / "a.json"))
    assert len(coco.imgs) == FRAMES and coco.cats[1]["name"] == "ear"
    seen = 0
    for t in range(FRAMES):
        image = next(i for i in coco.imgs.values() if i["frame_id"] == t)
        assert (image["width"], image["height"]) == (WIDTH, HEIGHT)
        assert image["time"] == made.store.times[t]
        for note in coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]])):
            n = IDS.index(note["instance_id"])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools and numpy 2
                mask = coco.annToMask(note)
            assert np.array_equal(mask, made.masks[t] == IDS[n])
            x, y, w, h = note["bbox"]
            assert np.array_equal([x, y, x + w - 1, y + h - 1], made.box[t, :, n])
            assert note["area"] == mask.sum()
            assert note["score"] == pytest.approx(made.score[t, n], abs=1e-6)
            assert note["attributes"] == {"ear": NAMES[n], "corrected": t == CORRECTED}
            check_keypoints(made, note, t, n)
            seen += 1
    assert seen == 2 * FRAMES - 1


def check_keypoints(made, note, t, n):
    flat = np.array(note["keypoints"], float).reshape(-1, 3)
    known = np.isfinite(made.position[t, 0, :, n])
    expected = np.where(known, np.where(made.visible[t, :, n], 2, 1), 0)
    assert np.array_equal(flat[:, 2], expected) and note["num_keypoints"] == known.sum()
    assert np.allclose(flat[known, :2], made.position[t, :, known, n], atol=1e-4)


def test_coco_names_landmarks_and_joins_them(made, tmp_path):
    path = export(made.store, "coco", tmp_path / "a.json")
    category = json.loads(path.read_text())["categories"][0]
    assert category["keypoints"] == list(made.store.keypoints)
    assert [1, 2] in category["skeleton"] and [20, 21] not in category["skeleton"]
    assert len(category["skeleton"]) == 55 - 4


def test_coco_of_a_part_can_be_learned_from(made, tmp_path):
    """Our own reader takes it, once the frames are there as images."""
    path = export(made.store, "coco", tmp_path / "a.json", selection=PART)
    (tmp_path / "ear").mkdir()
    for t in (1, 3, 5, 7):
        cv2.imwrite(str(tmp_path / f"ear/{t:06d}.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    photos = coco_photos(path, None, None, None)
    masks = [photo.load().ears for photo in photos]
    assert len(masks) == 4 and all(len(ears) == 1 for ears in masks)
    assert np.array_equal(masks[2][0] > 0, made.masks[5] == IDS[1])


def test_label_images(made, tmp_path):
    folder = export(made.store, "png", tmp_path / "labels", selection=Selection(min_score=0.5))
    names = sorted(path.name for path in folder.iterdir())
    assert names == [*(f"{t:06d}.png" for t in range(FRAMES)), "labels.json"]
    for t in range(FRAMES):
        expected = only(made.masks[t], IDS[1]) if t == WEAK else made.masks[t]
        path = folder / f"{t:06d}.png"
        for image in (Image.open(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)):
            assert np.array_equal(np.asarray(image), expected)
    assert not (made.masks[ABSENT] == IDS[0]).any()
    assert read_mask(folder / "000000.png").sum() == (made.masks[0] > 0).sum()
    about = json.loads((folder / "labels.json").read_text())
    assert [(ear["id"], ear["name"]) for ear in about["ears"]] == list(zip(IDS, NAMES, strict=True))


def test_segmentation_for_slicer(made, tmp_path):
    path = export(made.store, "seg.nrrd", tmp_path / "a.seg.nrrd")
    found = slicerio.read_segmentation(str(path))
    assert np.array_equal(found["voxels"], made.masks.transpose(2, 1, 0))
    assert [s["name"] for s in found["segments"]] == list(NAMES)
    assert [s["labelValue"] for s in found["segments"]] == list(IDS)
    assert all(len(s["color"]) == 3 for s in found["segments"])
    # (x, y, frame) as they are, in a space where x runs left and y back.
    assert found["encoding"] == "gzip"
    voxels, header = nrrd.read(str(path))
    assert header["space"] == "left-posterior-superior" and voxels.dtype == np.uint8
    assert np.array_equal(header["space directions"], np.eye(3))
    assert np.array_equal(header["space origin"], np.zeros(3))


def test_slices_of_a_part_keep_their_frame_numbers(made, tmp_path):
    path = export(made.store, "seg.nrrd", tmp_path / "a.seg.nrrd", selection=PART)
    voxels, header = nrrd.read(str(path))
    assert np.array_equal(voxels, only(made.masks[1:9:2], IDS[1]).transpose(2, 1, 0))
    assert header["earvid_frames"] == "1:8:2"
    assert np.array_equal(header["space origin"], [0, 0, 1])
    assert np.array_equal(header["space directions"][2], [0, 0, 2])
    uneven = Selection(frames=(0, 5, 7))
    path = export(made.store, "seg.nrrd", tmp_path / "b.seg.nrrd", selection=uneven)
    assert nrrd.read_header(str(path))["earvid_frames"] == "0,5,7"


def test_nifti(made, tmp_path):
    image = nibabel.load(export(made.store, "nii.gz", tmp_path / "a.nii.gz", selection=PART))
    expected = only(made.masks[1:9:2], IDS[1]).transpose(2, 1, 0)
    assert image.get_data_dtype() == np.uint8
    assert np.array_equal(np.asanyarray(image.dataobj), expected)
    # The same place as in the .seg.nrrd, whose first two axes run the other way.
    assert np.array_equal(image.affine @ [5, 9, 2, 1], [-5, -9, 1 + 2 * 2, 1])
    assert np.array_equal(image.get_qform(), image.affine)


def test_npz(made, tmp_path):
    selection = Selection(frames=(slice(3, 8),), ears=(IDS[0],), min_confidence=0.5)
    with np.load(export(made.store, "npz", tmp_path / "a.npz", selection=selection)) as found:
        data = dict(found)
    frames = np.arange(3, 8)
    assert np.array_equal(data["frames"], frames)
    assert np.array_equal(data["times"], made.store.times[frames])
    assert np.array_equal(data["masks"], only(made.masks[frames], IDS[0]))
    assert data["ear_names"].tolist() == [NAMES[0]] and data["ear_ids"].tolist() == [IDS[0]]
    assert data["keypoints"].tolist() == list(made.store.keypoints)
    sure = made.confidence[frames, :, :1] >= 0.5
    points = np.where(sure[:, None], made.position[frames, :, :, :1], np.nan)
    assert np.array_equal(data["position"], points.transpose(0, 3, 2, 1), equal_nan=True)
    assert np.array_equal(data["box"], made.box[frames, :, :1].swapaxes(1, 2), equal_nan=True)
    assert np.array_equal(data["score"], made.score[frames, :1], equal_nan=True)
    assert data["shown"][:, 0].tolist() == [True, False, True, True, True]
    assert data["status"].tolist() == [1] * 5
