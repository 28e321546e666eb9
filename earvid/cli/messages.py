"""What the command line says on standard error: one line each, a traceback only if asked for."""

from __future__ import annotations

import traceback

import click

from earvid.errors import EarvidError


def say(text: str) -> None:
    """Print a line on standard error that begins with ``earvid:``."""
    click.echo(f"earvid: {' '.join(text.splitlines())}", err=True)


def hush_opencv() -> None:
    """Keep OpenCV from adding lines of its own to ours, as it does about torn images."""
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def explain(error: Exception, *, debug: bool, about: str = "") -> int:
    """Say in one sentence what went wrong.

    Args:
        error: what was raised.
        debug: print its traceback first.
        about: what it is about, where the sentence does not say so itself.

    Returns:
        The exit code.
    """
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    text = sentence(error)
    say(text if about in text else f"{about}: {text}")
    return error.exit_code if isinstance(error, EarvidError) else 1


def explain_usage(error: click.ClickException) -> int:
    """Say in one sentence what is wrong with the options, and where they are explained.

    Returns:
        The exit code.
    """
    context = getattr(error, "ctx", None)
    hint = f" (see '{context.command_path} --help')" if context else ""
    say(f"{error.format_message().rstrip('.')}{hint}.")
    return error.exit_code


def sentence(error: Exception) -> str:
    """One sentence for an error of any kind."""
    if isinstance(error, EarvidError):
        text = str(error)
        # Sentences about prompts begin in lower case, for the place often stands before them.
        return "T" + text[1:] if text.startswith(("the ", "there ")) else text
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename} cannot be used ({error.strerror}); choose another."
    first = (str(error).splitlines() or ["no reason given"])[0].rstrip(".")
    return f"Unexpected {type(error).__name__}: {first}; add --debug to see where."
