import cv2
import numpy as np
import torch

from earvid.evaluate.model_report import evaluate_model
from earvid.models import NanoConfig, build_nano
from earvid.train import Still


def ellipse(height):
    """A photo of an ear of so many pixels."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (300, 300, 3)).astype(np.uint8)
    ear = np.zeros((300, 300), np.uint8)
    cv2.ellipse(ear, (150, 150), (height // 4, height // 2), 0, 0, 360, 255, -1)
    return Still(f"photos/{height}", image, (ear,))


def report_of(stills, **options):
    torch.manual_seed(0)
    config = NanoConfig(
        trunk="mobilenetv3_small_050", image_size=64, width=32, memory_width=16, feedforward=64
    )
    said = []
    report = evaluate_model(build_nano(config), stills, progress=said.append, **options)
    return report.to_dict(), said


def test_clips_of_small_ears_are_told_apart_from_close_ups():
    far, said = report_of([ellipse(80)], clips=1)
    (note,) = far["notes"]
    assert "close-up" in note and "all photos" in note and note in said
    assert report_of([ellipse(80)], clips=0)[0]["notes"] == []
    near, said = report_of([ellipse(80), ellipse(240)], clips=1)
    assert near["notes"] == [] and not any("close-up" in line for line in said)
