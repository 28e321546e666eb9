"""One clip's results in one zarr v3 store: a typed writer that can be killed, and a typed reader.

Arrays go in and come out as numpy. The layout opens in xarray, napari and movement as it is.
"""

from earvid.store.compare import compare
from earvid.store.correction import StoreCorrection
from earvid.store.identity import Decision, check_fingerprint, decide, read_header
from earvid.store.ngff import PALETTE
from earvid.store.reader import Store, Tracks
from earvid.store.record import CORRECTED, DONE, PENDING, FrameRecord
from earvid.store.spec import MAX_OBJECTS, PROXY_STEP, StoreSpec
from earvid.store.swap import settle
from earvid.store.writer import StoreWriter

__all__ = [
    "CORRECTED",
    "DONE",
    "MAX_OBJECTS",
    "PALETTE",
    "PENDING",
    "PROXY_STEP",
    "Decision",
    "FrameRecord",
    "Store",
    "StoreCorrection",
    "StoreSpec",
    "StoreWriter",
    "Tracks",
    "check_fingerprint",
    "compare",
    "decide",
    "read_header",
    "settle",
]
