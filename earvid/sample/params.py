"""What makes one drawn ear differ from another."""

from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]

# sRGB, from light to dark; a drawn skin lies somewhere between two neighbors.
_SKINS = np.array(
    ((0.93, 0.78, 0.70), (0.88, 0.70, 0.58), (0.80, 0.60, 0.47), (0.66, 0.46, 0.34),
     (0.46, 0.30, 0.22), (0.30, 0.19, 0.14)),
)  # fmt: skip
_HAIRS = np.array(
    ((0.07, 0.06, 0.06), (0.16, 0.11, 0.08), (0.32, 0.21, 0.13), (0.55, 0.40, 0.24),
     (0.76, 0.62, 0.42), (0.62, 0.60, 0.58)),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class EarParams:
    """One ear, the head around it and the light on it.

    Args:
        seed: Decides what is scattered: pores, hairs, the background.
        width: Stretches the ear across; 1 is the template.
        lean: Moves the lobe towards the face (positive) or away, in ear heights.
        lobe: Lengthens the lobe (positive) or shortens it, -0.3 to 0.4.
        flare: Widens the upper half (positive) or narrows it, -0.15 to 0.15.
        rim: Thickness of the helix; 1 is the template.
        concha: Size of the bowl; 1 is the template.
        relief: Height of all folds; 1 is the template.
        bends: Six amplitudes, in ear heights, of smooth bends of the whole ear.
        skin: sRGB, 0 to 1.
        flush: Redness of rim and lobe, 0 to 1.
        hair: sRGB, 0 to 1.
        long_hair: Hair falls behind the ear down to the shoulder, rather than ending at the nape.
        light_angle: Where the light comes from, in degrees: 0 the face side, 90 above.
        light_height: How far the light stands above the plane of the ear, in degrees.
        light_warmth: -1 bluish to 1 yellowish.
        light_softness: 0 a hard lamp to 1 a large window.
        yaw: Turn of the head away from the exact side view, in degrees.
        roll: Turn in the image plane, in degrees, clockwise.
        mirrored: The face is on the left of the image rather than on the right.
    """

    seed: int = 0
    width: float = 1.04
    lean: float = -0.02
    lobe: float = 0.0
    flare: float = 0.0
    rim: float = 1.0
    concha: float = 1.0
    relief: float = 1.0
    bends: tuple[float, ...] = (0.0,) * 6
    skin: Color = (0.86, 0.66, 0.55)
    flush: float = 0.5
    hair: Color = (0.18, 0.12, 0.09)
    long_hair: bool = False
    light_angle: float = 60.0
    light_height: float = 42.0
    light_warmth: float = 0.1
    light_softness: float = 0.5
    yaw: float = 0.0
    roll: float = 0.0
    mirrored: bool = False


# What the ears of one clip, or of people who look alike, have in common.
LIGHT = ("light_angle", "light_height", "light_warmth", "light_softness")
COLORING = ("skin", "flush", "hair", "long_hair")


def random_ear(seed: int) -> EarParams:
    """Draw an ear at random; the same seed gives the same ear."""
    rng = np.random.default_rng(seed)
    bends = tuple(float(value) for value in rng.normal(0, 0.007, 6).clip(-0.015, 0.015))
    skin = _between(_SKINS, rng)
    return EarParams(
        seed=seed,
        width=rng.uniform(0.92, 1.15),
        lean=rng.uniform(-0.08, 0.03),
        lobe=rng.uniform(-0.12, 0.3),
        flare=rng.uniform(-0.08, 0.1),
        rim=rng.uniform(0.85, 1.15),
        concha=rng.uniform(0.92, 1.06),
        relief=rng.uniform(0.75, 1.1),
        bends=bends,
        skin=skin,
        flush=rng.uniform(0.1, 0.9),
        hair=_between(_HAIRS[:3] if skin[0] < 0.7 else _HAIRS, rng),
        long_hair=bool(rng.random() < 0.4),
        light_angle=rng.uniform(0, 125),
        light_height=rng.uniform(30, 60),
        light_warmth=rng.uniform(-0.6, 0.8),
        light_softness=rng.uniform(0.2, 0.9),
        yaw=rng.uniform(-25, 20),
        roll=rng.uniform(-12, 12),
        mirrored=bool(rng.random() < 0.5),
    )


def _between(palette: np.ndarray, rng: np.random.Generator) -> Color:
    """A color between two neighbors of a palette."""
    first = int(rng.integers(len(palette) - 1))
    mixed = palette[first] + (palette[first + 1] - palette[first]) * rng.random()
    red, green, blue = (float(value) for value in mixed)
    return red, green, blue
