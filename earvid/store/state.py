"""Named bundles of bytes beside the arrays, which a killed run goes on from.

A bundle is one file: a magic line, the sha256 of what follows, then the names and lengths of the
blobs as JSON with its own length before it, then the blobs. It is written beside the old one, whole
and down to the disk, before it takes its place; so a torn write leaves the old one. In a bucket it
is one PUT.
"""

import hashlib
import json
import logging
from collections.abc import Mapping

from earvid.store.place import STATE, Place

LOCK = "lock"

_MAGIC = b"earvid state 1\n"
_DIGEST = hashlib.sha256().digest_size
_LENGTH = 8
_log = logging.getLogger(__name__)


class StateFolder:
    """The bundles of one store.

    Args:
        place: Of the store.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def save(self, name: str, blobs: Mapping[str, bytes]) -> None:
        """Replace a bundle.

        Raises:
            OSError: The disk is full or refuses; the old bundle is still there.
        """
        index = json.dumps({key: len(blob) for key, blob in blobs.items()}).encode()
        parts = [len(index).to_bytes(_LENGTH, "little"), index, *blobs.values()]
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        self._place.write(f"{STATE}/{name}", [_MAGIC, digest.digest(), *parts])

    def load(self, name: str) -> dict[str, bytes] | None:
        """A bundle, or None when it is absent or damaged."""
        data = self._place.read(f"{STATE}/{name}")
        if data is None:
            return None
        blobs = _unpack(data)
        if blobs is None:
            _log.warning("%s of %s is damaged and was put aside", name, self._place.path)
        return blobs

    def drop(self, name: str) -> None:
        """Remove a bundle if it is there."""
        self._place.delete(f"{STATE}/{name}")

    def clear(self) -> None:
        """Remove all bundles; the lock stays."""
        self._place.clear(STATE, keep=[LOCK])


def _unpack(data: bytes) -> dict[str, bytes] | None:
    start = len(_MAGIC) + _DIGEST
    body = memoryview(data)[start:]
    if not data.startswith(_MAGIC) or data[len(_MAGIC) : start] != hashlib.sha256(body).digest():
        return None
    at = _LENGTH + int.from_bytes(body[:_LENGTH], "little")
    lengths: dict[str, int] = json.loads(bytes(body[_LENGTH:at]))
    blobs = {}
    for key, length in lengths.items():
        blobs[key] = bytes(body[at : at + length])
        at += length
    return blobs
