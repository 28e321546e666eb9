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

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from earvid.errors import StoreError
from earvid.store._endpoint import endpoint, is_plain
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
    from obstore.store import S3Config
    from zarr.core.buffer import Buffer

# Together they bound how long after it was begun a request can still take effect; see `_lease`.
TIMEOUT = timedelta(seconds=25)  # of each attempt
RETRIES = timedelta(seconds=10)  # from the begin of the first one, after which there is no other,
PAUSE = timedelta(seconds=2)  # but for the one that this was the pause before
MOST = 1000  # objects that one request can delete


class Bucket:
    """A prefix of a bucket as a :class:`earvid.store.place.Place`.

    Whatever it changes, through zarr too, the lease is confirmed right before the request.

    Args:
        path: Of the store.

    Raises:
        StoreError: The endpoint is no URL, or not encrypted.
    """

    def __init__(self, path: RemotePath) -> None:
        self._path = path
        self._objects = _connect(path)
        self._lease: Lease | None = None

    @property
    def path(self) -> RemotePath:
        """Of the store."""
        return self._path

    def zarr(self) -> ObjectStore[S3Store]:
        """What zarr opens."""
        return _Objects(self._objects, self._confirm)

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
        self._confirm()
        obstore.put(self._objects, key, b"".join(parts), use_multipart=False)

    def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        self._confirm()
        with suppress(FileNotFoundError):
            obstore.delete(self._objects, key)

    def clear(self, folder: str, keep: Collection[str] = ()) -> None:
        """Remove what is below a prefix, but for the named entries."""
        start = f"{folder}/" if folder else ""
        self._remove(
            name for name in self._names(folder) if name[len(start) :].split("/")[0] not in keep
        )

    def sync(self, keys: Iterable[str]) -> None:
        """Nothing: the server answered after it had them."""

    def sweep(self) -> None:
        """Nothing: what was not written whole is not there."""

    def lock(self, key: str) -> Lease:
        """Take the lease of the store."""
        self._lease = Lease(self._objects, key, str(self._path))
        return self._lease

    def tidy(self, folder: str) -> None:
        """Nothing: a prefix is gone with its last object."""

    def take_over(self, draft: str, aside: str, parts: Sequence[str]) -> None:
        """Copy one object after the other; the new store stays whole until the last one is."""
        self.write(aside, [b""])
        new = {name.removeprefix(f"{draft}/") for name in self._names(draft)}
        for name in sorted(new):
            if name.split("/")[0] in parts:
                self._copy(f"{draft}/{name}", name)
        self._remove(name for part in parts for name in self._names(part) if name not in new)
        self._copy(f"{draft}/{ROOT}", ROOT)
        self.delete(f"{draft}/{ROOT}")

    def _confirm(self) -> None:
        assert self._lease is not None, "a store is changed without its lock"
        self._lease.confirm()

    def _copy(self, name: str, to: str) -> None:
        self._confirm()
        obstore.copy(self._objects, name, to)

    def _remove(self, names: Iterable[str]) -> None:
        left = sorted(names)
        while left:
            self._confirm()
            obstore.delete(self._objects, left[:MOST])
            del left[:MOST]

    def _names(self, folder: str) -> list[str]:
        batches = obstore.list(self._objects, folder or None)
        return [str(one["path"]) for batch in batches for one in batch]


class _Objects(ObjectStore[S3Store]):
    """zarr's object store, with a name for errors, and one PUT per object whatever its size.

    Args:
        store: The prefix of the store.
        confirm: Called before each request that changes something.
        read_only: Refuse such requests.
    """

    def __init__(
        self, store: S3Store, confirm: Callable[[], None], *, read_only: bool = False
    ) -> None:
        super().__init__(store, read_only=read_only)
        self._confirm = confirm

    def with_read_only(self, read_only: bool = False) -> Self:
        """The same store, which may be changed or not."""
        return type(self)(self.store, self._confirm, read_only=read_only)

    def __str__(self) -> str:
        return f"s3://{self.store.config.get('bucket')}/{self.store.prefix}"

    async def set(self, key: str, value: Buffer) -> None:
        """Write an object; in several parts it would take longer than a lease allows for."""
        self._check_writable()
        self._confirm()
        await obstore.put_async(self.store, key, value.as_buffer_like(), use_multipart=False)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write an object unless it is there."""
        self._confirm()
        await super().set_if_not_exists(key, value)

    async def delete(self, key: str) -> None:
        """Remove an object."""
        self._confirm()
        await super().delete(key)


def _connect(path: RemotePath) -> S3Store:
    url = endpoint()
    # Under both names, of which obstore takes the second one from the environment otherwise.
    server: S3Config = {} if url is None else {"endpoint": url, "aws_endpoint_url_s3": url}
    return S3Store(
        path.bucket,
        config=server,
        prefix=path.key,
        conditional_put="etag",
        client_options={
            "timeout": TIMEOUT,
            "connect_timeout": timedelta(seconds=5),
            **({"allow_http": True} if url is not None and is_plain(url) else {}),
        },
        retry_config={
            "max_retries": 5,
            "retry_timeout": RETRIES,
            "backoff": {"init_backoff": PAUSE / 20, "max_backoff": PAUSE, "base": 2},
        },
    )
