"""The prompt that lies beside a clip."""

from __future__ import annotations

from pathlib import Path

from earvid.prompt._prompt import Prompt


def prompt_beside(clip: Path) -> Prompt | None:
    """The prompt in ``<clip>.prompt.json`` beside a clip, if there is one.

    Raises:
        PromptError: it is malformed.
    """
    beside = clip.with_name(f"{clip.name if clip.is_dir() else clip.stem}.prompt.json")
    return Prompt.load(beside) if beside.is_file() else None
