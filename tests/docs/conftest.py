"""Folders in which the documentation is put to the test, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))


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


@pytest.fixture(scope="module", autouse=True)
def _loaded_once(loaded_once: None) -> None:
    """Commands within this process share networks."""
