"""Which server a store in a bucket is on, and whether it may be spoken to.

obstore reads the environment too, by rules of its own about which variable wins. So there is one
place that chooses, and what it has checked is what obstore is told.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from earvid.errors import StoreError

NAMES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
# What obstore's requests are made of; it panics where one cannot be made.
_URL = re.compile(
    r"https?://([a-z0-9]([\w.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:\d+)?(/[\w.~/-]*)?", re.ASCII | re.I
)


def endpoint() -> str | None:
    """URL of the server that the environment names; None leaves it to the region.

    Raises:
        StoreError: It is no URL, or neither encrypted nor this machine.
    """
    # In any case but for the first letters, as obstore reads them.
    given = {name.upper(): text for name, text in os.environ.items() if name.startswith("AWS_")}
    there = [name for name in NAMES if name in given]
    if not there:
        return None
    name = next((name for name in there if given[name]), there[0])
    url, parts = given[name], _split(given[name])
    if parts is None:
        raise StoreError(
            f"{name} is {url!r}, which is no URL of a server: write https://host or "
            f"https://host:port, or unset it."
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname or "") and not _may_be_plain():
        raise StoreError(
            f"The endpoint {url} is not encrypted: use https, or set AWS_ALLOW_HTTP=true for a "
            f"network that you trust."
        )
    return url


def is_plain(url: str) -> bool:
    """Whether what is said to a server of :func:`endpoint` is not encrypted."""
    return urlsplit(url).scheme == "http"


def _split(url: str) -> SplitResult | None:
    if _URL.fullmatch(url) is None:
        return None
    try:
        parts = urlsplit(url)
        if parts.netloc.startswith("["):
            ip_address(parts.hostname or "")
        return parts if parts.port != 0 else None  # reading it is what checks its range
    except ValueError:
        return None


def _may_be_plain() -> bool:
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("true", "1", "yes", "on")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
