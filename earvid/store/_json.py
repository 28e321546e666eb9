"""Values that JSON can hold, whatever they were before."""

import math
from collections.abc import Mapping
from typing import Any

from earvid.errors import StoreError


def plain(value: object) -> Any:
    """Copy a value as JSON holds it: tuples as lists, numpy scalars as numbers, NaN as null.

    Raises:
        StoreError: JSON has nothing for such a value.
    """
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:
        value = item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    raise StoreError(f"A {type(value).__name__} cannot be kept in a store: pass text or numbers.")
