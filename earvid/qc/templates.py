"""Pages that stand alone: everything is inside, and nothing else is allowed to run or to load."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from earvid import __version__

FOLDER = Path(__file__).with_name("templates")
GENERATOR = b'<meta name="generator" content="earvid qc">'
"""What tells our pages from files of others, within their first bytes."""


def render(name: str, *, script: bool, **values: Any) -> str:
    """Fill a template in; every value is escaped.

    Args:
        name: of the template.
        script: whether the page has its script.
        values: what the template shows.
    """
    css, js = _text("style.css"), _text("page.js") if script else ""
    return (
        _environment()
        .get_template(name)
        .render(
            css=Markup(css),  # our own files, not to be escaped
            js=Markup(js),
            policy=_policy(css, js),
            version=__version__,
            made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
            **values,
        )
    )


def is_ours(path: Path) -> bool:
    """Whether a file is a page of ours, which a new one may replace."""
    try:
        with path.open("rb") as file:
            return GENERATOR in file.read(512)
    except OSError:
        return False


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _policy(css: str, js: str) -> str:
    """A Content-Security-Policy by which nothing is loaded and only our own script runs."""
    scripts = _digest(js) if js else "'none'"
    return (
        f"default-src 'none'; img-src data:; style-src {_digest(css)}; script-src {scripts}; "
        f"base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
