"""Folders in which the documentation is put to the test, without a network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("cli", "store")]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """What makes the folders."""
    from doc_workshop import Workshop

    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Nobody answers but this machine, and no weights lie about."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    monkeypatch.setenv("EARVID_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def at(offline, tmp_path, monkeypatch):
    """An empty folder, which is the current one."""
    folder = tmp_path / "at"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """URL of an S3 server with the bucket that the documentation names."""
    from s3_server import call, s3_server

    with s3_server() as url:
        call("PUT", f"{url}/bucket")
        yield url


@pytest.fixture
def bucket(s3_endpoint, monkeypatch):
    """The environment names this server and its keys."""
    from s3_server import KEYS

    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3_endpoint}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_ALLOW_HTTP", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
