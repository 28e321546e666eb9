"""The prompt that lies beside a clip."""

from __future__ import annotations

from pathlib import Path

from earvid.prompt._prompt import Prompt


def prompt_beside(clip: Path) -> Prompt | None:
    """The prompt in ``<clip>.prompt.json`` beside a clip, if there is one.

    Raises:
        PromptError: it is malformed.
    """
    beside = path_beside(clip)
    return Prompt.load(beside) if beside.is_file() else None


def path_beside(clip: Path) -> Path:
    """Where the prompt of a clip is looked for."""
    return clip.with_name(f"{clip.name if clip.is_dir() else clip.stem}.prompt.json")
