"""What people look at: overlay videos, single frames and contact sheets."""

from earvid.render._frame import render_frame
from earvid.render._marks import EarMarks, FrameMarks, are_sure, marks_at
from earvid.render._png import write_png
from earvid.render._sheet import contact_sheet
from earvid.render._style import Style
from earvid.render._video import render_store

__all__ = [
    "EarMarks",
    "FrameMarks",
    "Style",
    "are_sure",
    "contact_sheet",
    "marks_at",
    "render_frame",
    "render_store",
    "write_png",
]
