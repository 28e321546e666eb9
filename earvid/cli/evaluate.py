"""``earvid evaluate``."""

from __future__ import annotations

import click

from earvid.cli.lazy import LazyGroup

# What is measured -> one line of help.
MEASURED = {
    "model": "Segment photos, and track clips made from them, with one model.",
    "landmarks": "Measure how well landmarks are followed, on clips with exact truth.",
    "memory": "Compare the memory policies on clips with exact truth.",
    "roi": "Compare crop sizes, their smoothing, and input sizes on clips with truth.",
    "wild": "Track clips without a prompt, and count ears that are two, none, or missed.",
    "bench": "Compare speed and memory with stock SAM 2, in one go on one machine.",
}


@click.group("evaluate", cls=LazyGroup, verbs=MEASURED, prefix="earvid.cli.evaluate_")
def command() -> None:
    """Measure how good a model is."""
