import shutil

import numpy as np
import pytest
import torch

from earvid.detect import DetectorConfig, EarDetector, EarNetwork, load_detector
from earvid.detect.detector import overlaps
from earvid.errors import ModelError, UsageError
from earvid.models import save_weights
from earvid.models.zoo import find_spec, find_weights
from earvid.sample import load_truth, sample_path
from earvid.video import Clip


@pytest.fixture(scope="module")
def detector():
    return load_detector()


@pytest.fixture(scope="module")
def ear():
    """A frame of the sample clip, and the box of its ear."""
    rows, columns = np.nonzero(load_truth().masks[45])
    with Clip.open(sample_path()) as clip:
        image = clip.frame(45).image
    return image, (columns.min(), rows.min(), columns.max(), rows.max())


def test_the_drawn_ear_is_found_and_its_side_told(detector, ear):
    image, box = ear
    best, *others = detector.detect(image, min_confidence=0.3)
    assert overlaps([best.box], [box])[0, 0] > 0.7
    assert best.confidence > 0.5 and best.side == "right" and best.side_confidence > 0.7
    assert not others


def test_in_a_mirror_it_is_the_other_ear_at_the_mirrored_place(detector, ear):
    image, (x0, y0, x1, y1) = ear
    width = image.shape[1]
    best = detector.detect(np.ascontiguousarray(image[:, ::-1]))[0]
    assert overlaps([best.box], [(width - 1 - x1, y0, width - 1 - x0, y1)])[0, 0] > 0.7
    assert best.side == "left"


@pytest.mark.parametrize("shape", [(120, 160), (1080, 1920), (700, 90)])
def test_boxes_are_in_pixels_of_the_image_whatever_its_size(detector, ear, shape):
    """The ear, as tall as half of the image's shorter side, in the middle of a gray image."""
    import cv2

    image, (x0, y0, x1, y1) = ear
    height, width = shape
    factor = 0.5 * min(shape) / (y1 - y0)
    part = image[:, max(0, x0 - 60) : x1 + 60]
    small = cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    small = small[:height, :width]
    canvas = np.full((height, width, 3), 120, np.uint8)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    ear_left = left + factor * min(60, x0)
    truth = (
        ear_left,
        top + factor * y0,
        ear_left + factor * (x1 - x0),
        top + factor * y1,
    )
    best = detector.detect(canvas)[0]
    assert overlaps([best.box], [truth])[0, 0] > 0.5


def test_the_same_image_gives_the_same(detector, ear):
    assert detector.detect(ear[0]) == detector.detect(ear[0])


@pytest.mark.parametrize("kind", ["black", "noise", "blobs", "ramp"])
def test_nothing_is_certain_where_there_is_no_ear(detector, kind):
    import cv2

    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    image = {
        "black": np.zeros((240, 320, 3), np.uint8),
        "noise": rng.integers(0, 256, (240, 320, 3)).astype(np.uint8),
        "blobs": cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC),
        "ramp": np.broadcast_to(np.arange(320, dtype=np.uint8)[None, :, None], (240, 320, 3)),
    }[kind]
    assert not detector.detect(np.ascontiguousarray(image), min_confidence=0.5)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 20), np.uint8),
        np.zeros((20, 20, 3), np.float32),
        np.zeros((0, 20, 3), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(detector, image):
    with pytest.raises(UsageError, match="uint8 images"):
        detector.detect(image)


def test_weights_of_something_else_are_refused(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        load_detector(tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="unknown key"):
        load_detector(find_weights(find_spec("earvid-nano")))
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(b"\x00" * 100)
    with pytest.raises(ModelError, match="damaged"):
        load_detector(torn)
    plain = tmp_path / "plain.pt"
    torch.save({"a": torch.zeros(2)}, plain)
    with pytest.raises(ModelError, match="no ear detector"):
        load_detector(plain)
    other = tmp_path / "other.safetensors"
    save_weights(other, EarNetwork(DetectorConfig(width=32)).state_dict(), {"width": 64}, {})
    with pytest.raises(ModelError, match="does not fit"):
        load_detector(other)


@pytest.mark.parametrize(
    "config", [{"width": 20}, {"sizes": []}, {"sizes": "big"}, {"slope": None}, {"depth": 3}]
)
def test_a_malformed_configuration_is_refused(config):
    with pytest.raises(ModelError):
        DetectorConfig.from_dict(config)


def test_a_detector_survives_its_file(tmp_path, ear):
    config = DetectorConfig(width=32, sizes=(96,), slope=0.8, offset=-0.1)
    torch.manual_seed(1)
    network = EarNetwork(config)
    path = tmp_path / "d.safetensors"
    save_weights(path, network.state_dict(), config.to_dict(), {}, torch.float32)
    loaded = load_detector(path)
    assert loaded.config == config and len(loaded.sha256) == 64
    found = loaded.detect(ear[0], min_confidence=0)
    assert found
    for a, b in zip(found, EarDetector(network).detect(ear[0], min_confidence=0), strict=True):
        np.testing.assert_allclose(a.box, b.box, atol=1e-2)


def test_the_shipped_weights_are_small(tmp_path, monkeypatch):
    from earvid.detect.detector import DETECTOR_FILE
    from earvid.models.zoo import search_folders

    file = next(f / DETECTOR_FILE for f in search_folders() if (f / DETECTOR_FILE).is_file())
    assert file.stat().st_size < 6e6
    shutil.copy(file, tmp_path / "copy.safetensors")
    assert load_detector(tmp_path / "copy.safetensors").sha256 == load_detector().sha256
