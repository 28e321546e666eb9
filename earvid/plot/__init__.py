"""Pictures of recordings, with matplotlib (``pip install 'earvid[plot]'``).

Every function takes an ``ax`` to draw into, or makes a figure of its own, and returns the Axes.
None shows a figure or changes matplotlib's settings. Colors can be told apart by people who see
few of them. ::

    import earvid

    recording = earvid.open("clip.earvid.zarr")
    earvid.plot.overlay(recording, 30)
    earvid.plot.timeline(recording, "left").figure.savefig("left.png", dpi=200)
"""

from earvid.plot.bank import memory_bank
from earvid.plot.curves import area, timeline
from earvid.plot.pictures import landmarks, overlay
from earvid.plot.sheet import contact_sheet
from earvid.plot.ways import trajectory

__all__ = [
    "area",
    "contact_sheet",
    "landmarks",
    "memory_bank",
    "overlay",
    "timeline",
    "trajectory",
]
