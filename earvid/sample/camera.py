"""Taking a picture of drawn layers: motion blur, changing light, sensor noise."""

from collections.abc import Sequence

import cv2
import numpy as np

from earvid.sample.planes import Picture, Plane, Points, blurred


def exposed(layer: Picture, maps: Sequence[Points], width: int, height: int) -> Plane:
    """A layer as it moves while the shutter is open.

    Args:
        layer: (h, w, C) uint8.
        maps: (3, 3) layer pixels to frame pixels, at moments of the exposure.
        width: Pixels across.
        height: Pixels down.

    Returns:
        (height, width, C) float32, 0 to 255; 0 where the layer does not reach.
    """
    total = np.zeros((height, width, layer.shape[2]), np.float32)
    for matrix in maps:
        moved = cv2.warpPerspective(layer, matrix, (width, height), flags=cv2.INTER_LINEAR)
        total += moved
    return total / np.float32(len(maps))


def over(front: Plane, behind: Plane) -> Plane:
    """Lay a (H, W, 4) layer, color times cover and cover, over a (H, W, 3) picture."""
    return front[..., :3] + behind * (1 - front[..., 3:] / 255)


def developed(light: Plane, brightness: float, noise: float, rng: np.random.Generator) -> Picture:
    """The sensor's picture.

    Args:
        light: (H, W, 3) 0 to 255.
        brightness: Factor on everything.
        noise: Deviation of the sensor noise, in gray values.
        rng: Source of the noise.
    """
    grain = blurred(rng.standard_normal(light.shape[:2], dtype=np.float32), 0.6)
    seen = light * np.float32(brightness) + np.float32(2.2 * noise) * grain[..., None]
    return (seen + 0.5).clip(0, 255).astype(np.uint8)
