"""The geometry of an ear: a template of contours, bent into an individual shape.

Ear coordinates: x towards the face, y down, the outline one unit high and centered on (0, 0).
"""

from dataclasses import dataclass

import numpy as np

from earvid.sample.curves import PER_SPAN, through
from earvid.sample.params import EarParams
from earvid.sample.planes import Points

# A typical ear: smooth contours in the order of the iBUG-55 scheme, averaged over many ears and
# then rounded by hand.
_OUTER_HELIX = np.array((
    (0.221, -0.363), (0.136, -0.454), (0.038, -0.499), (-0.063, -0.500), (-0.152, -0.460),
    (-0.219, -0.394), (-0.265, -0.308), (-0.288, -0.205), (-0.288, -0.104), (-0.271, -0.001),
    (-0.250, 0.100), (-0.220, 0.198), (-0.178, 0.287), (-0.125, 0.366), (-0.062, 0.432),
    (0.006, 0.480), (0.075, 0.502), (0.142, 0.497), (0.199, 0.466), (0.234, 0.414),
))  # fmt: skip
_INNER_HELIX = np.array((
    (0.092, -0.061), (0.147, -0.137), (0.162, -0.240), (0.132, -0.322), (0.075, -0.370),
    (-0.005, -0.384), (-0.087, -0.361), (-0.148, -0.308), (-0.183, -0.239), (-0.200, -0.157),
    (-0.202, -0.069), (-0.190, 0.018), (-0.164, 0.102), (-0.120, 0.176), (-0.054, 0.239),
))  # fmt: skip
_CONCHA = np.array((
    (0.171, -0.026), (0.184, 0.023), (0.188, 0.086), (0.204, 0.153), (0.212, 0.214),
    (0.152, 0.206), (0.100, 0.172), (0.036, 0.156), (-0.030, 0.132), (-0.075, 0.080),
    (-0.092, 0.006), (-0.077, -0.068), (-0.022, -0.118), (0.067, -0.153), (0.159, -0.194),
))  # fmt: skip
_SUPERIOR_CRUS = np.array((
    (-0.165, -0.029), (-0.152, -0.114), (-0.126, -0.192), (-0.095, -0.267), (-0.063, -0.341),
))  # fmt: skip
# Where the ear grows out of the cheek, from the lobe up to the root of the helix.
_FRONT = np.array(
    ((0.257, 0.345), (0.271, 0.265), (0.281, 0.180), (0.284, 0.090), (0.280, -0.010),
     (0.277, -0.110), (0.273, -0.210), (0.257, -0.295)),
)  # fmt: skip
# Crests of the ridges that no landmark follows.
_ANTIHELIX = np.array(
    ((0.010, 0.205), (-0.065, 0.180), (-0.118, 0.118), (-0.140, 0.040), (-0.136, -0.040),
     (-0.118, -0.105)),
)  # fmt: skip
_INFERIOR_CRUS = np.array(
    ((-0.126, -0.050), (-0.092, -0.105), (-0.030, -0.150), (0.060, -0.184), (0.150, -0.222)),
)  # fmt: skip
_CRUS_HELICIS = np.array(
    ((0.222, -0.250), (0.200, -0.160), (0.152, -0.092), (0.092, -0.045), (0.020, -0.015)),
)  # fmt: skip
_TRAGUS = np.array(((0.205, 0.000), (0.212, 0.060), (0.226, 0.120)))
_ANTITRAGUS = np.array(((0.150, 0.240), (0.096, 0.214), (0.036, 0.197)))
_POINTS = np.array(((0.158, 0.050), (0.030, -0.255)))  # ear canal, triangular fossa

_CONCHA_CENTER = np.array((0.060, 0.040))
_FOSSA_CENTER = np.array((-0.020, -0.120))


@dataclass(frozen=True, eq=False)
class EarShape:
    """The contours of one ear, in ear coordinates.

    Args:
        landmarks: (55, 2), iBUG-55 order.
        outline: (N, 2) dense closed contour, through landmarks 0 to 19.
        front: (M, 2) dense: the part of the outline on the cheek, from the lobe up.
        helix: (H, 2) dense closed contour of the rolled rim.
        concha: (C, 2) dense closed contour of the bowl.
        ridges: Name to (R, 2) dense crest line or edge.
        canal: (2,) the opening of the ear canal.
        fossa: (2,) the deepest point between the crura of the antihelix.
    """

    landmarks: Points
    outline: Points
    front: Points
    helix: Points
    concha: Points
    ridges: dict[str, Points]
    canal: Points
    fossa: Points


def ear_shape(params: EarParams) -> EarShape:
    """Bend the template into the ear that `params` describes."""
    fossa, bowl = (_FOSSA_CENTER, 1.5 - 0.5 * params.rim), (_CONCHA_CENTER, params.concha)
    bent = {
        "outer": _bend(_OUTER_HELIX, params),
        "inner": _bend(_scaled(_INNER_HELIX, *fossa), params),
        "concha": _bend(_scaled(_CONCHA, *bowl), params),
        "superior": _bend(_scaled(_SUPERIOR_CRUS, *fossa), params),
        "antihelix": _bend(_scaled(_ANTIHELIX, *bowl), params),
        "inferior": _bend(_scaled(_INFERIOR_CRUS, *bowl), params),
        "crus": _bend(_CRUS_HELICIS, params),
        "tragus": _bend(_TRAGUS, params),
        "antitragus": _bend(_scaled(_ANTITRAGUS, *bowl), params),
        "hollows": _bend(_POINTS, params),
        "front": _bend(_FRONT, params),
    }
    return _assemble(_normalized(bent))


def _assemble(parts: dict[str, Points]) -> EarShape:
    outer, inner, concha, front = (parts[name] for name in ("outer", "inner", "concha", "front"))
    outline = through(np.vstack([outer, front]), closed=True)
    edge = through(np.vstack([outer[-1:], front, outer[:1]]))
    back = through(outer)[: 12 * PER_SPAN + 1]
    ridges = ("superior", "antihelix", "inferior", "crus", "tragus", "antitragus")
    return EarShape(
        landmarks=np.vstack([outer, inner, concha, parts["superior"]]),
        outline=outline,
        front=edge,
        helix=np.vstack([edge[-3 * PER_SPAN :], back, through(inner[2:])[::-1]]),
        concha=through(np.vstack([concha, inner[1:2]]), closed=True),
        ridges={"inner": through(inner[1:]), **{name: through(parts[name]) for name in ridges}},
        canal=parts["hollows"][0],
        fossa=parts["hollows"][1],
    )


def _scaled(points: Points, center: Points, factor: float) -> Points:
    return center + (points - center) * factor


def _bend(points: Points, params: EarParams) -> Points:
    """Every change is gentle enough (a slope well below one) for no contour to cross another."""
    x, y = points.T
    lower, upper = np.maximum(y - 0.15, 0), np.maximum(-y, 0)
    moved_x = x * params.width * (1 + params.flare * 2 * upper) + params.lean * 2 * y
    moved_y = y + params.lobe * lower**2 / 0.35
    waves = np.stack([np.sin(5 * y), np.cos(4 * x + 3 * y), np.sin(6 * y - 2 * x)])
    across, down = np.reshape(params.bends, (2, 3))
    return np.stack([moved_x + across @ waves, moved_y + down @ waves], axis=1)


def _normalized(parts: dict[str, Points]) -> dict[str, Points]:
    """Center the outline and make it one unit high."""
    outline = through(np.vstack([parts["outer"], parts["front"]]), closed=True)
    low, high = outline.min(axis=0), outline.max(axis=0)
    return {
        name: (points - (low + high) / 2) / (high[1] - low[1]) for name, points in parts.items()
    }
