"""One clip's results in one zarr v3 store: a typed writer that can be killed, and a typed reader.

A store is a folder, or lies in a bucket: ``s3://bucket/key.zarr``, see :mod:`earvid.store.place`.
Arrays go in and come out as numpy. The layout opens in xarray, napari and movement as it is.
"""

from earvid.store._errors import StoreBusyError
from earvid.store.compare import compare
from earvid.store.correction import StoreCorrection, begun_correction
from earvid.store.identity import Decision, check_fingerprint, decide, read_header
from earvid.store.ngff import PALETTE
from earvid.store.place import AnyPath, RemotePath, StorePath, store_path
from earvid.store.reader import Store, Tracks
from earvid.store.record import CORRECTED, DONE, PENDING, FrameRecord
from earvid.store.spec import MAX_OBJECTS, PROXY_STEP, StoreSpec
from earvid.store.swap import settle
from earvid.store.threads import compress_in_one_thread
from earvid.store.writer import StoreWriter

__all__ = [
    "CORRECTED",
    "DONE",
    "MAX_OBJECTS",
    "PALETTE",
    "PENDING",
    "PROXY_STEP",
    "AnyPath",
    "Decision",
    "FrameRecord",
    "RemotePath",
    "Store",
    "StoreBusyError",
    "StoreCorrection",
    "StorePath",
    "StoreSpec",
    "StoreWriter",
    "Tracks",
    "begun_correction",
    "check_fingerprint",
    "compare",
    "compress_in_one_thread",
    "decide",
    "read_header",
    "settle",
    "store_path",
]
