"""How overlays look: what is drawn, in which colors, how large."""

from dataclasses import dataclass

from earvid.errors import UsageError
from earvid.store import PALETTE

Color = tuple[int, int, int]

REFERENCE_SIDE = 480
"""Shorter side in pixels of the frame for which the sizes below are written down."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """What an overlay shows.

    Args:
        fill: Opacity of the color inside a mask, 0 (none) to 1.
        contour: Draw the outline of each mask.
        box: Draw the corners of each ear's box.
        labels: Draw the name and score of each ear.
        landmarks: Draw landmarks, filled where they are visible and their confidence is 0.4 or
            more, hollow where not, and the curves that those of a known scheme lie on.
        frame_number: Draw the frame's number and time.
        scale: Factor on line widths and text; 1 suits watching at the clip's own size.
        palette: RGB per object, repeated when there are more objects than colors; napari shows
            a store in the same ones.

    Raises:
        UsageError: A number is out of its range, or the palette is empty.
    """

    fill: float = 0.25
    contour: bool = True
    box: bool = True
    labels: bool = True
    landmarks: bool = True
    frame_number: bool = True
    scale: float = 1.0
    palette: tuple[Color, ...] = PALETTE

    def __post_init__(self) -> None:
        if not 0 <= self.fill <= 1:
            raise UsageError(f"The fill opacity {self.fill} is not between 0 and 1.")
        if not 0.1 <= self.scale <= 10:
            raise UsageError(f"The drawing scale {self.scale} is not between 0.1 and 10.")
        if not self.palette:
            raise UsageError("The palette is empty; give at least one RGB color.")

    def color(self, object_id: int) -> Color:
        """RGB of the object with this id, which starts at 1."""
        return self.palette[(object_id - 1) % len(self.palette)]


DEFAULT_STYLE = Style()


@dataclass(frozen=True)
class Sizes:
    """Sizes in pixels for one frame size.

    Args:
        line: Width of contours.
        thin: Width of box corners.
        font: OpenCV font scale.
        weight: OpenCV text thickness.
        pad: Space around text, and from the frame's border.
        dot: Largest radius of a landmark.
    """

    line: int
    thin: int
    font: float
    weight: int
    pad: int
    dot: float


def sizes_for(shape: tuple[int, ...], scale: float) -> Sizes:
    """Choose sizes that look alike on frames of any size.

    Args:
        shape: Of the frame: height and width in pixels, and whatever follows.
        scale: The factor of the style.
    """
    unit = min(shape[:2]) / REFERENCE_SIDE * scale
    return Sizes(
        line=max(1, round(1.5 * unit)),
        thin=max(1, round(1.0 * unit)),
        font=max(0.36, 0.45 * unit),
        weight=1 if unit < 1.8 else round(unit),
        pad=max(2, round(5 * unit)),
        dot=2.6 * unit,
    )
