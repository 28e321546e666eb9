"""Overlaps of boxes and suppression, against torchvision's."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou, nms

from earvid.detect.boxes import iou, suppress

SIDE = st.integers(0, 12)
BOX = st.tuples(SIDE, SIDE, SIDE, SIDE).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)
BOXES = st.lists(BOX, max_size=12)


def rows(boxes) -> torch.Tensor:
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)


@given(BOXES, BOXES)
def test_overlaps_are_those_of_torchvision(boxes, others):
    a, b = rows(boxes), rows(others)
    assert torch.allclose(iou(a, b), box_iou(a, b).nan_to_num(0))


@given(BOXES, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.3007, 0.4507, 0.9007]))
def test_the_same_boxes_are_kept(boxes, random, most):
    a = rows([box for box in boxes if box[0] < box[2] and box[1] < box[3]])
    scores = torch.tensor(random.sample(range(100), len(a)), dtype=torch.float32)
    assert suppress(a, scores, most).tolist() == nms(a, scores, most).tolist()


def test_of_equal_scores_the_first_is_kept():
    a = rows([(0, 0, 4, 4), (0, 0, 4, 4), (8, 8, 9, 9)])
    assert suppress(a, torch.ones(3), 0.5).tolist() == [0, 2]
