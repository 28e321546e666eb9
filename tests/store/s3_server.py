"""A real S3 server on loopback, and what it holds."""

import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

BUCKET = "ears"
PROGRAM = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
input()
"""
SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, Signature=0"
KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
}


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's server in a process of its own; yields its URL, with one bucket in it."""
    pytest.importorskip("obstore", reason="stores on S3 need obstore: pip install 'earvid[s3]'")
    pytest.importorskip("moto", reason="these tests need an S3 server: pip install 'moto[server]'")
    quiet = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], text=True, **quiet) as server:  # type: ignore[call-overload]
        host, port = server.stdout.readline().split()
        url = f"http://{host}:{port}"
        call("PUT", f"{url}/{BUCKET}")
        try:
            yield url
        finally:
            server.kill()


def call(method: str, url: str, data: bytes | None = None) -> bytes:
    """Ask the server for something, as its administrator."""
    heads = {"Authorization": SIGNED, "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data, heads, method=method)
    with urllib.request.urlopen(request) as answer:
        content: bytes = answer.read()
        return content


def environment(url: str) -> dict[str, str]:
    """Variables of a process that uses the server."""
    return {**os.environ, **KEYS, "AWS_ENDPOINT_URL": url}


def names(bucket: str) -> list[str]:
    """All that lies below a place, by the server's own word."""
    prefix = bucket.removeprefix(f"s3://{BUCKET}/")
    text = call("GET", f"{os.environ['AWS_ENDPOINT_URL']}/{BUCKET}?list-type=2&prefix={prefix}/")
    return [part.split("</Key>")[0] for part in text.decode().split("<Key>")[1:]]


def lease(bucket: str, endpoint: str) -> str:
    """URL of the lease of the store ``a.zarr`` in a place."""
    prefix = bucket.removeprefix(f"s3://{BUCKET}/")
    return f"{endpoint}/{BUCKET}/{prefix}/a.zarr/state/lock"


def lose(key: str) -> None:
    """Have another take a lease over, and wait until its owner has noticed."""
    call("PUT", key, b'{"holder": "another"}')
    for thread in threading.enumerate():
        if thread.name == "earvid-lease":
            thread.join(100)
