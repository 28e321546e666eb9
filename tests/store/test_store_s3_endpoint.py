"""Which server is spoken to, and what is said when it cannot be."""

import pytest

from earvid.errors import StoreError
from earvid.store import Store
from earvid.store.place import place_of


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [("http://10.0.0.1:9000", False), ("HTTP://s3.example.org", False), ("http://[::1]:9", True)],
)
def test_only_this_machine_is_spoken_to_in_the_clear(
    bucket: str, monkeypatch: pytest.MonkeyPatch, endpoint: str, allowed: bool
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    if allowed:
        place_of(f"{bucket}/a.zarr")
        return
    with pytest.raises(StoreError, match="is not encrypted: use https"):
        place_of(f"{bucket}/a.zarr")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    place_of(f"{bucket}/a.zarr")


@pytest.mark.parametrize(
    "names",
    [
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"),
        ("AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        ("AWS_ENDPOINT_URL", "AWS_endpoint"),
    ],
)
@pytest.mark.parametrize("other", ["http://127.0.0.1:9", ""])
def test_the_server_that_was_checked_is_the_one_that_is_used(
    bucket: str,
    s3_endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, str],
    other: str,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    winner, loser = names if other else names[::-1]
    monkeypatch.setenv(loser, other)
    monkeypatch.setenv(winner, s3_endpoint)
    assert place_of(f"{bucket}/a.zarr").is_blank()


@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:9000",
        "localhost:9000",
        "ftp://here",
        "http://",
        "https://:80",
        "http://[bad",
        "http://[1:2]",
        "https://here:99999",
        "https://he re",
        "https://h\u00e9re",
        "",
    ],
)
def test_endpoints_that_are_no_url(
    bucket: str, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(StoreError, match=r"AWS_ENDPOINT_URL is .* no URL of a server: write https"):
        Store.open(f"{bucket}/a.zarr")


def test_keys_are_asked_for_by_their_names(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from earvid.store import _bucket

    monkeypatch.setattr(_bucket, "RETRIES", _bucket.RETRIES / 100)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")  # where a role would be
    with pytest.raises(StoreError, match=r"needs keys, .* set AWS_ACCESS_KEY_ID and AWS_SECRET"):
        Store.open(f"{bucket}/a.zarr")
