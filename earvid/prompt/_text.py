"""Text files that people and other programs wrote, read with care."""

import json
from pathlib import Path
from typing import Any

from earvid.errors import PromptError


def read_text(path: Path, what: str) -> str:
    """Read a UTF-8 file, with or without byte order mark.

    Args:
        path: The file.
        what: What the file is to the user, such as `prompt`.

    Raises:
        PromptError: It is missing, unreadable or not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise PromptError(
            f"the {what} file {path} cannot be read ({reason}); check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise PromptError(f"the {what} file {path} is not UTF-8 text; check the path.") from error


def parse_json(text: str) -> Any:
    """Parse JSON in which no key occurs twice.

    Raises:
        PromptError: It is not JSON, or a key is repeated.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise PromptError(
            f"it is not JSON (line {error.lineno}, column {error.colno}: {error.msg}); "
            "correct it there."
        ) from error
    except (RecursionError, ValueError) as error:  # nested or numbers too deep for Python
        raise PromptError("it is not JSON that can be read; check the file.") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise PromptError(f"the key '{key}' occurs twice in one place; keep one of them.")
        found[key] = value
    return found
