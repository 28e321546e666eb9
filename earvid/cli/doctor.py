"""``earvid doctor``."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

import click

from earvid.cli.messages import sentence
from earvid.cli.words import to_json

PACKAGES = ("torch", "sam2", "zarr", "numpy", "opencv-python-headless", "av", "decord")


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(as_json: bool) -> int:
    """Check this installation: versions, devices, weights, and one frame through the model."""
    about = _examine()
    if as_json:
        click.echo(to_json(about))
    else:
        for key, value in about.items():
            click.echo(f"{key:10} {_text(value)}")
    return 0 if about["healthy"] else 1


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _examine() -> dict[str, Any]:
    from earvid import __version__

    try:
        devices, model, healthy = _devices(), _try_model(), True
    except Exception as error:  # whatever it is, it is what the user wants to know
        devices, model, healthy = {}, sentence(error), False
    return {
        "earvid": __version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        **devices,
        "model": model,
        "healthy": healthy,
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _devices() -> dict[str, str]:
    import torch

    from earvid.models.zoo import cache_folder

    return {
        "cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} threads used",
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "mps": "present" if torch.backends.mps.is_available() else "none",
        "cache": str(cache_folder()),
    }


def _try_model() -> str:
    """Track one blank frame with the embedded model, as a user's first run would."""
    import time

    import numpy as np

    from earvid.models import load_model
    from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
    from earvid.tracker import Session
    from earvid.video import Frame

    loaded = load_model()
    ear = ObjectPrompt(id=1, name="ear", frames={0: FramePrompt(box=(40, 40, 80, 90))})
    session = Session(loaded.model, Prompt((ear,)), 160, 120, 100)
    image = np.zeros((120, 160, 3), np.uint8)
    session.step(Frame(index=0, time=0.0, image=image))
    began = time.perf_counter()
    session.step(Frame(index=1, time=0.0, image=image))
    took = 1000 * (time.perf_counter() - began)
    return f"{loaded.name} works on {loaded.device}, {took:.0f} ms for one frame"
