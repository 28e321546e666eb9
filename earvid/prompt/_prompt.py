"""A whole prompt: one or more ears, and its file."""

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earvid.errors import PromptError
from earvid.prompt._absent import check_within
from earvid.prompt._checks import located
from earvid.prompt._json_in import objects_from_document
from earvid.prompt._json_out import canonical_digest, document_from_objects, mask_name
from earvid.prompt._masks import write_mask
from earvid.prompt._text import parse_json, read_text
from earvid.prompt._types import ObjectPrompt


@dataclass(frozen=True, eq=False)
class Prompt:
    """What a user says about the ears of one clip.

    Args:
        objects: One per ear; kept in the order of their ids.
        source: The file it was read from, named in messages; not part of its content.

    Raises:
        PromptError: There is no object, or two share an id or a name.
    """

    objects: tuple[ObjectPrompt, ...]
    source: Path | None = None

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.objects, key=lambda ear: ear.id))
        object.__setattr__(self, "objects", ordered)
        if not ordered:
            raise PromptError("it has no objects; prompt at least one ear.")
        for of_what, values in (
            ("id", [ear.id for ear in ordered]),
            ("name", [ear.name for ear in ordered]),
        ):
            value, count = Counter(values).most_common(1)[0]
            if count > 1:
                raise PromptError(f"{count} objects have the {of_what} '{value}'; number them.")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Prompt":
        """Read a prompt file (`.json`); mask paths in it start at its folder.

        Raises:
            PromptError: It is missing or malformed; the message names file, object and frame.
        """
        file = Path(path)
        text = read_text(file, "prompt")
        with located(file):
            return cls(objects_from_document(parse_json(text), file.parent), file)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a prompt file, with its masks as `<stem>-<id>-<frame>.png` beside it.

        Args:
            path: Where to; the folder must exist.
            overwrite: Replace files of these names.

        Raises:
            PromptError: A file is there already, or cannot be written.
        """
        file = Path(path)
        masks = {
            file.with_name(mask_name(file.stem, ear, index)): frame.mask
            for ear in self.objects
            for index, frame in ear.frames.items()
            if frame.mask is not None
        }
        for taken in (file, *masks):
            if taken.exists() and not overwrite:
                raise PromptError(f"{taken} is there already; choose another name or overwrite.")
        text = json.dumps(self.to_json(file.stem), indent=1, ensure_ascii=False)
        try:
            for name, mask in masks.items():
                write_mask(name, mask)
            _replace_text(file, text + "\n")
        except OSError as error:
            reason = error.strerror or "no reason given"
            raise PromptError(f"the prompt {file} cannot be written ({reason}).") from error

    def to_json(self, stem: str = "prompt") -> dict[str, Any]:
        """Give the content of the prompt file.

        Args:
            stem: The file's name without suffix, from which the names of masks are made.
        """
        return document_from_objects(self.objects, stem)

    def validate(self, width: int, height: int, frame_count: int) -> None:
        """Check the prompt against its clip.

        Args:
            width: Of a frame, in pixels, after rotation.
            height: Of a frame, in pixels, after rotation.
            frame_count: Frames of the clip.

        Raises:
            PromptError: Something lies outside the clip; the message names object and frame.
        """
        for ear in self.objects:
            with located(self._place(ear)):
                check_within(ear.absent, frame_count, everywhere=not ear.frames)
            for index, frame in ear.frames.items():
                with located(f"{self._place(ear)}: frame {index}"):
                    if index >= frame_count:
                        raise PromptError(
                            f"the clip has {frame_count} frames, 0 to {frame_count - 1}; "
                            "choose a keyframe among them."
                        )
                    frame.check_fits(width, height)

    def digest(self) -> str:
        """Hash the content, mask pixels included.

        Returns:
            sha256 hex; equal for prompts that say the same, wherever they are stored.
        """
        return canonical_digest(self.objects)

    def _place(self, ear: ObjectPrompt) -> str:
        return ear.title if self.source is None else f"{self.source}: {ear.title}"


def _replace_text(path: Path, text: str) -> None:
    """Write a file so that it is whole or not there at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
