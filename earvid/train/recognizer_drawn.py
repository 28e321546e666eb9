"""Drawn ears to tell apart: in families that share light and coloring, and differ in shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from earvid.sample.params import COLORING, LIGHT, EarParams, random_ear
from earvid.sample.render import render_ear
from earvid.train.recognizer_views import KEPT, ZOOM, KeptEar, keep_ears
from earvid.train.stills import Still

FAMILY = 4  # ears that share what is no shape


def drawn_ears(count: int, seed: int) -> Iterator[KeptEar]:
    """Draw ears that nothing but their shape, and sometimes their coloring, tells apart.

    Args:
        count: how many.
        seed: the same one gives the same ears.
    """
    rng = np.random.default_rng((seed, 7))
    for family in range(-(-count // FAMILY)):
        drawn = [random_ear(int(rng.integers(2**31))) for _ in range(FAMILY)]
        shared = LIGHT + (COLORING if rng.random() < 0.7 else ())
        same = {name: getattr(drawn[0], name) for name in shared}
        for number in range(min(FAMILY, count - FAMILY * family)):
            params = replace(drawn[number], **same)
            yield _kept(params, f"drawn{FAMILY * family + number}", f"drawn{family}")


def _kept(params: EarParams, subject: str, family: str) -> KeptEar:
    layers = render_ear(params, KEPT / ZOOM)
    cover = layers.person[..., 3:] / 255.0
    height, width = layers.person.shape[:2]
    behind = cv2.resize(layers.room, (width, height), interpolation=cv2.INTER_CUBIC)
    image = (layers.person[..., :3] + behind * (1 - cover)).clip(0, 255).astype(np.uint8)
    outline = layers.outline @ layers.to_pixels[:2, :2].T + layers.to_pixels[:2, 2]
    ear = np.zeros((height, width), np.uint8)
    cv2.fillPoly(ear, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    if params.mirrored:
        image, ear = image[:, ::-1].copy(), ear[:, ::-1].copy()
    (kept,) = keep_ears([Still(subject, image, (ear,))])
    return replace(kept, subject=subject, order=None, family=family)
