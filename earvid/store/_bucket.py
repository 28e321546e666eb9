"""A store in a bucket of S3, or of a server that speaks like it.

obstore rather than fsspec: one wheel without dependencies, made of the same Rust code that reads
Parquet and Zarr elsewhere, with the conditional PUT that a lease needs; s3fs has aiobotocore, which
pins other people's botocore. zarr's own `ObjectStore` reads and writes the arrays.

Endpoint, region and credentials are those of the environment: ``AWS_ENDPOINT_URL``,
``AWS_REGION``, ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, or the role
of the machine. Profiles are not read; ``aws configure export-credentials --format env`` prints the
variables of one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from earvid.errors import StoreError
from earvid.store._lease import Lease
from earvid.store.place import ROOT, STATE, RemotePath

try:
    import obstore
    from obstore.store import S3Store
    from zarr.storage import ObjectStore
except ImportError as error:
    raise StoreError(
        "Stores on S3 need obstore: install it with pip install 'earvid[s3]'."
    ) from error

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer

# Together they bound how long after it was begun a PUT can still take effect; see `_lease`.
TIMEOUT = timedelta(seconds=25)
RETRIES = timedelta(seconds=10)


class Bucket:
    """A prefix of a bucket as a :class:`earvid.store.place.Place`.

    Args:
        path: Of the store.

    Raises:
        StoreError: The endpoint is not encrypted.
    """

    def __init__(self, path: RemotePath) -> None:
        self._path = path
        self._objects = _connect(path)

    @property
    def path(self) -> RemotePath:
        """Of the store."""
        return self._path

    def zarr(self) -> ObjectStore[S3Store]:
        """What zarr opens."""
        return _Objects(self._objects)

    def is_blank(self) -> bool:
        """Whether nothing is here, or nothing but state."""
        return all(name.startswith(f"{STATE}/") for name in self._names(""))

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            obstore.head(self._objects, key)
        except FileNotFoundError:
            return False
        return True

    def read(self, key: str) -> bytes | None:
        """Content of an object; None where there is none."""
        try:
            return obstore.get(self._objects, key).bytes().to_bytes()
        except FileNotFoundError:
            return None

    def write(self, key: str, parts: Sequence[bytes]) -> None:
        """Write an object with one PUT."""
        obstore.put(self._objects, key, b"".join(parts), use_multipart=False)

    def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        with suppress(FileNotFoundError):
            obstore.delete(self._objects, key)

    def clear(self, folder: str, keep: Collection[str] = ()) -> None:
        """Remove what is below a prefix, but for the named entries."""
        start = f"{folder}/" if folder else ""
        names = [
            name for name in self._names(folder) if name[len(start) :].split("/")[0] not in keep
        ]
        if names:
            obstore.delete(self._objects, names)

    def sync(self, keys: Iterable[str]) -> None:
        """Nothing: the server answered after it had them."""

    def sweep(self) -> None:
        """Nothing: what was not written whole is not there."""

    def lock(self, key: str) -> Lease:
        """Take the lease of the store."""
        return Lease(self._objects, key, str(self._path))

    def tidy(self, folder: str) -> None:
        """Nothing: a prefix is gone with its last object."""

    def take_over(self, draft: str, aside: str, parts: Sequence[str]) -> None:
        """Copy one object after the other; the new store stays whole until the last one is."""
        self.write(aside, [b""])
        new = {name.removeprefix(f"{draft}/") for name in self._names(draft)}
        for name in sorted(new):
            if name.split("/")[0] in parts:
                obstore.copy(self._objects, f"{draft}/{name}", name)
        left = {name for part in parts for name in self._names(part)} - new
        if left:
            obstore.delete(self._objects, sorted(left))
        obstore.copy(self._objects, f"{draft}/{ROOT}", ROOT)
        self.delete(f"{draft}/{ROOT}")

    def _names(self, folder: str) -> list[str]:
        batches = obstore.list(self._objects, folder or None)
        return [str(one["path"]) for batch in batches for one in batch]


class _Objects(ObjectStore[S3Store]):
    """zarr's object store, with a name for errors, and one PUT per object whatever its size."""

    def __str__(self) -> str:
        return f"s3://{self.store.config.get('bucket')}/{self.store.prefix}"

    async def set(self, key: str, value: Buffer) -> None:
        """Write an object; in several parts it would take longer than a lease allows for."""
        self._check_writable()
        await obstore.put_async(self.store, key, value.as_buffer_like(), use_multipart=False)


def _connect(path: RemotePath) -> S3Store:
    return S3Store(
        path.bucket,
        prefix=path.key,
        conditional_put="etag",
        client_options={
            "timeout": TIMEOUT,
            "connect_timeout": timedelta(seconds=5),
            **({"allow_http": True} if _is_plain_but_near() else {}),
        },
        retry_config={"max_retries": 5, "retry_timeout": RETRIES},
    )


def _is_plain_but_near() -> bool:
    """Whether the endpoint is this machine, which needs no encryption.

    Raises:
        StoreError: It is not, and it is not encrypted either.
    """
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    endpoint = next(filter(None, (os.environ.get(name) for name in names)), "")
    if not endpoint.lower().startswith("http://"):
        return False
    if _is_loopback(urlsplit(endpoint).hostname or ""):
        return True
    if os.environ.get("AWS_ALLOW_HTTP", "").lower() not in ("true", "1", "yes", "on"):
        raise StoreError(
            f"The endpoint {endpoint} is not encrypted: use https, or set AWS_ALLOW_HTTP=true for "
            f"a network that you trust."
        )
    return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
