"""What a user may say about an ear: on one frame, and over the keyframes of a clip."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from earvid.errors import PromptError
from earvid.prompt import _absent, _checks
from earvid.prompt._checks import Box, Point

IBUG55 = "ibug55"
IBUG55_NAMES = tuple(str(index) for index in range(55))


def _no_points() -> npt.NDArray[np.float32]:
    return np.zeros((0, 2), np.float32)


def _no_labels() -> npt.NDArray[np.int32]:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False, kw_only=True)
class FramePrompt:
    """What is known about one ear on one keyframe: any of the fields, at least one.

    Args:
        box: `(x0, y0, x1, y1)` in source-frame pixels, or None.
        points: (P, 2) float32, `(x, y)` in source-frame pixels, integer = pixel centre.
        labels: (P,) int32, 1 = ear, 0 = background; all 1 when left out.
        mask: (H, W) bool, of the size of the frame, or None. Any other dtype: not 0 = ear.
        landmarks: Name to `(x, y)` in source-frame pixels; the order of the names is kept.

    Raises:
        PromptError: Something is malformed, or nothing says where the ear is.
    """

    box: Box | None = None
    points: npt.NDArray[np.float32] = field(default_factory=_no_points)
    labels: npt.NDArray[np.int32] = field(default_factory=_no_labels)
    mask: npt.NDArray[np.bool_] | None = None
    landmarks: dict[str, Point] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set_box()
        self._set_points()
        self._set_mask()
        self._set_landmarks()
        _checks.check_says_something(self.box, self.labels, self.mask, self.landmarks)
        _checks.check_box_meets_mask(self.box, self.mask)

    def _set_box(self) -> None:
        if self.box is None:
            return
        values = [float(value) for value in self.box]
        if len(values) != 4:
            raise PromptError(f"a box is four numbers x0, y0, x1, y1, not {len(values)}.")
        box = (values[0], values[1], values[2], values[3])
        _checks.check_box(box)
        object.__setattr__(self, "box", box)

    def _set_points(self) -> None:
        with np.errstate(over="ignore"):  # too large becomes inf, which is refused by name
            points = np.array(self.points, np.float32)
        if points.ndim != 2 or points.shape[1] != 2:
            raise PromptError(f"points are an array of shape (P, 2), not {points.shape}.")
        given = np.asarray(self.labels)
        labels = given if given.size else np.ones(len(points), np.int32)
        _checks.check_points(points, labels)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "labels", labels.astype(np.int32))

    def _set_mask(self) -> None:
        if self.mask is None:
            return
        mask = np.asarray(self.mask) != 0
        if mask.ndim != 2:
            raise PromptError(f"a mask is an array of shape (H, W), not {mask.shape}.")
        _checks.check_mask(mask)
        object.__setattr__(self, "mask", mask)

    def _set_landmarks(self) -> None:
        landmarks = {name: (float(x), float(y)) for name, (x, y) in self.landmarks.items()}
        _checks.check_landmarks(landmarks)
        object.__setattr__(self, "landmarks", landmarks)

    def check_fits(self, width: int, height: int) -> None:
        """Refuse anything that lies outside a frame of `width` × `height` pixels.

        Raises:
            PromptError: A box, point or landmark is outside, or the mask has another size.
        """
        if self.box is not None:
            _checks.check_box_fits(self.box, width, height)
        if self.mask is not None:
            _checks.check_mask_fits(self.mask, width, height)
        for x, y in self.points:
            _checks.check_point_fits("the point", (float(x), float(y)), width, height)
        for name, point in self.landmarks.items():
            _checks.check_point_fits(f"the landmark '{name}'", point, width, height)


@dataclass(frozen=True, eq=False)
class ObjectPrompt:
    """One ear: what is known about it on one or more keyframes.

    Args:
        id: 1 to 255, the value of this ear in the masks of a store.
        name: For people, such as `left`.
        frames: Frame index to what is known there; kept in the order of the frames. None for an
            ear that is absent from the whole clip, and only for such a one.
        scheme: Landmark scheme, such as `ibug55`; None when the names speak for themselves.
        absent: Half-open ranges of frames on which the ear is not, whatever a tracker sees; kept
            in order, and joined where they overlap or touch.

    Raises:
        PromptError: The id, the name, a frame index, the landmarks of a scheme or a range are
            wrong, or a range is over a keyframe.
    """

    id: int
    name: str
    frames: dict[int, FramePrompt]
    scheme: str | None = None
    absent: _absent.Ranges = ()

    def __post_init__(self) -> None:
        if not 1 <= self.id <= 255:
            raise PromptError(f"the object id {self.id} is outside 1 to 255; number from 1.")
        with _checks.located(f"object {self.id}"):
            _checks.check_name(self.name, "it")
        object.__setattr__(self, "frames", dict(sorted(self.frames.items())))
        with _checks.located(self.title):
            object.__setattr__(self, "absent", _absent.merged(self.absent))
            self._check_frames()
            _absent.check_keyframes(self.absent, self.frames)

    def _check_frames(self) -> None:
        if not self.frames and not self.absent:
            raise PromptError("it has no frames; give it at least one keyframe.")
        if self.first_keyframe < 0:
            raise PromptError(f"the keyframe {self.first_keyframe} is negative; count from 0.")
        if self.scheme is not None:
            _checks.check_name(self.scheme, "the landmark scheme")
        if self.scheme == IBUG55:
            for index, frame in self.frames.items():
                with _checks.located(f"frame {index}"):
                    _check_ibug55(frame.landmarks)

    @property
    def first_keyframe(self) -> int:
        """Index of the earliest frame on which this ear is prompted; 0 if there is none."""
        return next(iter(self.frames), 0)

    def is_absent(self, index: int) -> bool:
        """Whether this ear is said not to be on a frame."""
        return _absent.holds(self.absent, index)

    @property
    def title(self) -> str:
        """How messages call this ear: `object 1 (left)`."""
        return f"object {self.id} ({self.name})"


def _check_ibug55(landmarks: dict[str, Point]) -> None:
    known = frozenset(IBUG55_NAMES)
    for name in landmarks:
        if name not in known:
            raise PromptError(
                f"the landmark '{name}' is not of the scheme ibug55, whose names are '0' to '54'."
            )
