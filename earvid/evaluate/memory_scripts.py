"""What happens in the clips by which memory policies are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from earvid.errors import UsageError
from earvid.evaluate.memory_clips import Backdrop, MemoryClip, Part
from earvid.evaluate.memory_figures import Figure
from earvid.evaluate.memory_material import Material
from earvid.evaluate.memory_paths import RAMP, Passer, Passing, Spot, Stay, Walk, Waves

WIDTH, HEIGHT = 640, 360
AWAY = 150  # frames between the last pixel of a leaving ear and the first of the returned one
RETURN_SIZES = (0.6, 1.6)  # of the ear when it is back, over its size before
KINDS = {
    "clean": "one ear that moves and is always in view",
    "occlusion": "something passes over the whole ear, twice",
    "reentry": f"the ear is away for {AWAY} frames and returns elsewhere, at another size",
    "distractor": "another's ear comes beside the ear, and stays while that goes away and returns",
    "crossing": "two tracked ears cross, one in front of the other",
    "long": "2,000 frames with all of this but the crossing",
}
_LENGTHS = {"clean": 60, "distractor": 170, "crossing": 96, "long": 2000}
_APART = 130  # pixels between the places where an ear was and is back
_FIRST = 30  # frames that a leaving ear is shown before
_BACK = 60  # frames after the return


@dataclass(eq=False)
class _Scene:
    """A clip in the making."""

    material: Material
    rng: np.random.Generator
    parts: list[Part] = field(default_factory=list)
    cuts: tuple[int, ...] = ()

    def spot(self, size: float, away_from: Spot | None = None) -> Spot:
        """A place that leaves room around an ear, apart from another place if one is given."""
        low = min(1.5 * size, 0.4 * WIDTH), min(1.1 * size, 0.45 * HEIGHT)
        high = WIDTH - low[0], max(0.8 * HEIGHT - low[1], 0.5 * HEIGHT)
        tried = [self.rng.uniform(low, high) for _ in range(60)]
        if away_from is not None:
            apart = [float(np.hypot(x - away_from.x, y - away_from.y)) for x, y in tried]
            tried = [tried[k] for k in np.flatnonzero(np.array(apart) > _APART)] or tried
        return Spot(float(tried[0][0]), float(tried[0][1]), size)

    def aside(self) -> Spot:
        """A place off the middle, so that there are others apart from it even for large ears."""
        return self.spot(self.size(), Spot(WIDTH / 2, HEIGHT / 2, 0))

    def size(self) -> float:
        return float(self.rng.uniform(64, 92))

    def side(self) -> int:
        return int(self.rng.choice([-1, 1]))

    def returned(self, before: Spot) -> Spot:
        """Where, and at which size, an ear is back."""
        low, high = np.log(RETURN_SIZES)
        return self.spot(before.size * float(np.exp(self.rng.uniform(low, high))), before)

    def walk(self, figure: Figure, *stays: Stay, lively: bool = False) -> Walk:
        return Walk(figure, stays, Waves(self.rng, lively), WIDTH)

    def passer(self, over: Walk, times: list[tuple[int, int]]) -> Part:
        """A hand from below, or a thing from any side and on to the other."""
        hand = self.material.hand(self.rng) if self.rng.random() < 0.5 else None
        passings = []
        for start, stop in times:
            angle = np.pi / 2 if hand else float(self.rng.uniform(0, 2 * np.pi))
            passings.append(Passing(start, stop, angle, angle + (0 if hand else np.pi)))
        figure = hand or self.material.thing(self.rng)
        return Part(figure, Passer(over, passings, float(np.hypot(WIDTH, HEIGHT))))

    def backdrop(self) -> Backdrop:
        size = round(1.12 * WIDTH), round(1.12 * HEIGHT)
        images = [self.material.background(self.rng, *size) for _ in range(len(self.cuts) + 1)]
        return Backdrop(tuple(images), self.cuts)


def make_clip(kind: str, number: int, material: Material, seed: int = 0) -> MemoryClip:
    """Write and cast a clip; its frames are made when they are asked for.

    Args:
        kind: one of :data:`KINDS`.
        number: of the clip; each has other people, places and times.
        material: what it is made of.
        seed: the same one gives the same clips.

    Raises:
        UsageError: there is no such kind.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no kind of clip {kind!r}; choose from {', '.join(KINDS)}.")
    rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
    scene = _Scene(material, rng)
    length = _SCRIPTS[kind](scene)
    backdrop = scene.backdrop()
    noise = int(rng.integers(2**31))
    return MemoryClip(
        kind, f"{kind} {number + 1}", scene.parts, backdrop, (WIDTH, HEIGHT), length, noise
    )


def _clean(scene: _Scene) -> int:
    (person,) = scene.material.people(scene.rng, 1)
    stay = Stay(0, _LENGTHS["clean"], scene.spot(scene.size()))
    scene.parts = [Part(person, scene.walk(person, stay, lively=True), 1)]
    return _LENGTHS["clean"]


def _occlusion(scene: _Scene) -> int:
    (person,) = scene.material.people(scene.rng, 1)
    first = int(scene.rng.integers(28, 34))
    stops = first + int(scene.rng.integers(8, 20))
    second = stops + 2 * RAMP + int(scene.rng.integers(2, 8))
    ends = second + int(scene.rng.integers(8, 20))
    length = ends + RAMP + 12
    walk = scene.walk(person, Stay(0, length, scene.spot(scene.size())))
    scene.parts = [Part(person, walk, 1), scene.passer(walk, [(first, stops), (second, ends)])]
    return length


def _reentry(scene: _Scene) -> int:
    (person,) = scene.material.people(scene.rng, 1)
    before = scene.aside()
    after = scene.returned(before)
    comes = scene.side() if scene.rng.random() < 0.5 else 0
    walk, gone, back = _away(scene, person, before, after, comes)
    scene.parts = [Part(person, walk, 1)]
    if scene.rng.random() < 0.5:
        scene.cuts = (gone + 20, back - 20)
    return back + (RAMP if comes else 0) + _BACK


def _away(
    scene: _Scene, person: Figure, before: Spot, after: Spot, comes: int
) -> tuple[Walk, int, int]:
    """A walk with an absence of exactly :data:`AWAY` frames, and the absence."""
    goes, waves = scene.side(), Waves(scene.rng)
    leave = _FIRST + RAMP

    def walk(back: int) -> Walk:
        stays = (Stay(0, leave, before, goes=goes), Stay(back, 10**6, after, comes=comes))
        return Walk(person, stays, waves, WIDTH)

    last = max(t for t in range(leave) if _shows(walk(leave), t))
    back = last + 1 + AWAY
    # Somebody who walks in is shown before the ear is.
    while min(t for t in range(back, back + RAMP + 1) if _shows(walk(back), t)) > last + 1 + AWAY:
        back -= 1
    return walk(back), last + 1, last + 1 + AWAY


def _shows(walk: Walk, t: int) -> bool:
    """Whether any of a figure's ear is within the frame, whatever may be in front of it."""
    pose = walk.pose(t)
    drawn = None if pose is None else walk.figure.draw(pose, WIDTH, HEIGHT)
    return drawn is not None and drawn.ear is not None and bool(drawn.ear.any())


def _distractor(scene: _Scene) -> int:
    target, other = scene.material.people(scene.rng, 2)
    size, length = scene.size(), _LENGTHS["distractor"]
    side = scene.side()
    before, after = _on_side(scene, size, -side), _on_side(scene, size, -side)
    beside = _on_side(scene, size * float(scene.rng.uniform(0.8, 1.2)), side)
    leaves, returns = 70 + RAMP, 70 + RAMP + 35
    stays = (
        Stay(0, leaves, before, goes=-side),
        Stay(returns, length, after, comes=-side),
    )
    # While the ear is away, the other one comes nearer to where that was.
    near = Spot((beside.x + WIDTH / 2) / 2, beside.y, beside.size)
    enters = Stay(20, length, beside, to=near, comes=side)
    parts = [
        Part(target, scene.walk(target, *stays), 1),
        Part(other, scene.walk(other, enters)),
    ]
    scene.parts = parts if scene.rng.random() < 0.5 else parts[::-1]
    return length


def _on_side(scene: _Scene, size: float, side: int) -> Spot:
    """A place in the left (-1) or right (1) part of the frame."""
    x = WIDTH / 2 + side * (WIDTH / 2 - float(scene.rng.uniform(1.6, 2.1)) * size)
    return Spot(x, float(scene.rng.uniform(0.35, 0.6)) * HEIGHT, size)


def _crossing(scene: _Scene) -> int:
    behind, before = scene.material.people(scene.rng, 2)
    size, side, length = float(scene.rng.uniform(56, 74)), scene.side(), _LENGTHS["crossing"]
    level = float(scene.rng.uniform(0.38, 0.55)) * HEIGHT
    nearer = size * float(scene.rng.uniform(1.0, 1.2))
    lower = level + size * float(scene.rng.uniform(-0.4, 0.4))
    ends = [WIDTH / 2 + sign * side * 0.3 * WIDTH for sign in (-1, 1)]
    far = Stay(0, length, Spot(ends[0], level, size), to=Spot(ends[1], level, size))
    near = Stay(0, length, Spot(ends[1], lower, nearer), to=Spot(ends[0], lower, nearer))
    ids = (1, 2) if scene.rng.random() < 0.5 else (2, 1)
    scene.parts = [
        Part(behind, scene.walk(behind, far), ids[0]),
        Part(before, scene.walk(before, near), ids[1]),
    ]
    return length


def _long(scene: _Scene) -> int:
    """Covered, away, beside another, away beside another, covered, away, covered."""
    target, other = scene.material.people(scene.rng, 2)
    length = _LENGTHS["long"]
    first = scene.aside()
    second = scene.returned(first)
    third, fourth = _on_side(scene, first.size, -1), scene.returned(first)
    walk = scene.walk(
        target,
        Stay(0, 400, first, goes=scene.side()),
        Stay(550, 760, second, goes=scene.side()),
        Stay(820, 1000, third, comes=-1, goes=-1),
        Stay(1150, 1500, third, comes=-1, goes=-1),
        Stay(1650, length, fourth),
    )
    beside = Stay(880, 1240, _on_side(scene, first.size, 1), comes=1, goes=1)
    scene.parts = [
        Part(target, walk, 1),
        Part(other, scene.walk(other, beside)),
        scene.passer(walk, [(200, 220), (680, 695), (1320, 1345), (1850, 1880)]),
    ]
    scene.cuts = (450, 540)
    return length


_SCRIPTS: dict[str, Callable[[_Scene], int]] = {
    "clean": _clean,
    "occlusion": _occlusion,
    "reentry": _reentry,
    "distractor": _distractor,
    "crossing": _crossing,
    "long": _long,
}
