"""How the head moves before the camera: one exact map per moment."""

from dataclasses import dataclass

import numpy as np

from earvid.sample.params import EarParams
from earvid.sample.planes import Points, ease

_RAMP = 0.35  # seconds that the ear or a hand takes to come and go
_MARGIN = 6.0  # pixels between the ear and the border of the frame
_DEPTH = 0.12  # perspective: how much a turned side shrinks, per ear height
_SHUTTER = 0.5  # share of a frame's time that the shutter is open
_HAND = 1.3  # hand units per mean ear height: the palm hides the ear at its largest
_WEIGHTS = np.array([0.6, 0.3, 0.15])  # of the waves that make up a motion

Span = tuple[int, int]


@dataclass(frozen=True)
class View:
    """A camera and what it is to see.

    Args:
        width: Pixels across.
        height: Pixels down.
        fps: Frames per second.
        frames: Frames in the clip.
        ear: Ear height at a zoom of one, in pixels.
    """

    width: int
    height: int
    fps: float
    frames: int
    ear: float


class Motion:
    """A smooth random motion with one larger sweep; the ear stays within the frame.

    Args:
        view: The camera.
        outline: (N, 2) in ear coordinates.
        params: The pose that the motion starts from.
        seed: Decides the motion.
        leave: Frames [start, stop) in which the ear is out of the frame, or None.
        occlude: Frames [start, stop) in which the hand covers the ear, or None.
    """

    def __init__(
        self,
        view: View,
        outline: Points,
        params: EarParams,
        seed: int,
        leave: Span | None = None,
        occlude: Span | None = None,
    ) -> None:
        self.view = view
        self._outline, self._params, self._leave, self._occlude = outline, params, leave, occlude
        rng = np.random.default_rng([seed, 1])
        self._rates = rng.uniform(0.08, 0.3, (6, 3))  # Hz
        self._phases = rng.uniform(0, 2 * np.pi, (6, 3))
        self._sweep_at = view.frames / view.fps * rng.uniform(0.35, 0.7)
        self._sweep = rng.uniform(0.5, 1.0, 6) * rng.choice([-1, 1], 6)

    def head(self, frame: float) -> Points:
        """(3, 3) ear coordinates to frame pixels at a moment, which may lie between frames."""
        right, down, zoom, roll, yaw, _ = self._signals(frame)
        pose = self._pose(
            scale=self.view.ear * float(np.exp(0.15 * zoom).clip(0.8, 1.25)),
            roll=float(np.clip(self._params.roll + 7 * roll, -12, 12)),
            yaw=self._params.yaw + 14 * yaw,
        )
        around = project(pose, self._outline)
        low, high = around.min(axis=0), around.max(axis=0)
        size = np.array([self.view.width, self.view.height])
        room = ((size - 1 - (high - low)) / 2 - _MARGIN).clip(0, 0.45 * self.view.ear)
        shift = (size - 1) / 2 + room * np.tanh([right, down]) - (low + high) / 2
        shift[0] += self._away(frame, low[0] + shift[0], high[0] + shift[0])
        return _moved(shift) @ pose

    def hand(self, frame: float) -> Points:
        """(3, 3) hand coordinates to frame pixels."""
        size = _HAND * self.view.ear
        center = project(self.head(frame), np.zeros((1, 2)))[0]
        covering = 0.0 if self._occlude is None else ramp(frame, self._occlude, self.view.fps)
        below = self.view.height + 2 * size - center[1]
        return _moved(center + np.array([0, (1 - covering) * below])) @ np.diag([size, size, 1])

    def room(self, frame: float, columns: int, rows: int) -> Points:
        """(3, 3) pixels of the room's picture to frame pixels: it drifts a little with the head."""
        right, down = np.tanh(self._signals(frame)[:2])
        view = self.view
        scale = 1.3 * max(view.width / columns, view.height / rows)
        border = np.array([view.width - scale * columns, view.height - scale * rows]) / 2
        drift = 0.06 * view.width * np.array([right, 0.5 * down])
        return _moved(border + drift) @ np.diag([scale, scale, 1])

    def brightness(self, frame: float) -> float:
        """Of the light, about 1."""
        return 1 + 0.03 * float(self._signals(frame)[5])

    def exposure(self, frame: int) -> list[float]:
        """Moments while the shutter is open, around the frame's own: the faster, the more."""
        opens, closes = frame - _SHUTTER / 2, frame + _SHUTTER / 2
        moved = float(np.abs(self._where(closes) - self._where(opens)).max())
        if moved < 0.5:
            return [frame]
        moments: list[float] = np.linspace(
            opens, closes, 2 * min(int(moved / 3) + 1, 4) + 1
        ).tolist()
        return moments

    def _where(self, frame: float) -> Points:
        """Pixels of what may be fast."""
        centers = [self.head(frame)[:2, 2]]
        if self._occlude is not None:
            centers.append(self.hand(frame)[:2, 2])
        return np.concatenate(centers)

    def _away(self, frame: float, left: float, right: float) -> float:
        """How far the ear, from `left` to `right`, is moved out on the face's side."""
        if self._leave is None:
            return 0.0
        width, spare = self.view.width, 3 * _MARGIN
        out = -(right + spare) if self._params.mirrored else width + spare - left
        return ramp(frame, self._leave, self.view.fps) * out

    def _signals(self, frame: float) -> Points:
        """(6,) right, down, zoom, roll, yaw and light, each about -1 to 1."""
        time = frame / self.view.fps
        waves = np.sin(2 * np.pi * self._rates * time + self._phases) @ _WEIGHTS
        swept = np.exp(-(((time - self._sweep_at) / 0.32) ** 2))
        signals: Points = waves + swept * self._sweep
        return signals

    def _pose(self, scale: float, roll: float, yaw: float) -> Points:
        """Foreshorten and turn, without moving the ear."""
        turn, tilt = np.radians([yaw, roll])
        side = -1.0 if self._params.mirrored else 1.0
        squeeze = np.array([[side * np.cos(turn), 0, 0], [0, 1, 0], [_DEPTH * np.sin(turn), 0, 1]])
        cosine, sine = scale * np.cos(tilt), scale * np.sin(tilt)
        pose: Points = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) @ squeeze
        return pose


def _moved(shift: Points) -> Points:
    return np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])


def ramp(frame: float, span: Span, fps: float) -> float:
    """1 in frames [start, stop), and smoothly from and to 0 around them."""
    start, stop = span
    apart = max(start - frame, frame - (stop - 1), 0.0) / (_RAMP * fps)
    return ease(max(1 - apart, 0.0))


def project(matrix: Points, points: Points) -> Points:
    """Map (N, 2) points through a (3, 3) matrix."""
    mapped = np.hstack([points, np.ones((len(points), 1))]) @ matrix.T
    flat: Points = mapped[:, :2] / mapped[:, 2:]
    return flat
