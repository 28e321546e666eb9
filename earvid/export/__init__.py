"""Handing results on: masks, boxes and landmarks in the formats of other tools."""

from earvid.export.formats import FORMATS, Format, Picture, export
from earvid.export.selection import Selection, parse_frames

__all__ = ["FORMATS", "Format", "Picture", "Selection", "export", "parse_frames"]
