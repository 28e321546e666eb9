"""A server for stores that are not on a disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from s3_server import BUCKET, KEYS, s3_server


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """URL of an S3 server of this test run."""
    with s3_server() as url:
        yield url


@pytest.fixture
def bucket(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> str:
    """URL of a place in a bucket, whose server and keys the environment names."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3_endpoint}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_ALLOW_HTTP", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return f"s3://{BUCKET}/{abs(hash(request.node.nodeid))}"
