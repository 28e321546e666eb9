"""The group of verbs, and how errors end a run."""

from __future__ import annotations

import io
import sys

import click

from earvid import __version__
from earvid.cli.lazy import LazyGroup
from earvid.cli.messages import explain, explain_usage, say

# Verb -> one line of help. The module of a verb is imported when it is called, so that
# 'earvid --help' does not wait for PyTorch.
VERBS = {
    "track": "Track ears through one or several clips.",
    "batch": "Track ears through many clips, on all of the machine.",
    "prompt": "Find the ears of a clip, without tracking.",
    "show": "Say what is in a store.",
    "render": "Draw a store's results over its clip.",
    "landmarks": "Write the landmarks of a frame, to correct them.",
    "export": "Write a store's results for other tools.",
    "qc": "Show where a store's results are to be doubted.",
    "correct": "Correct a store on a frame.",
    "download": "Fetch the weights of a model.",
    "train": "Train a model from still photos with masks.",
    "finetune": "Fine-tune a model on ears of your own.",
    "train-detector": "Train the ear detector from still photos with masks.",
    "train-recognizer": "Train the recognizer of lost ears from still photos.",
    "train-landmarks": "Train the first guess of landmarks from still photos.",
    "evaluate": "Measure how good a model is.",
    "doctor": "Check this installation.",
}
RESUMABLE = (
    "track", "batch", "correct", "train", "finetune", "train-detector", "train-recognizer",
    "train-landmarks",
)  # fmt: skip
INTERRUPTED = 130


@click.group(
    cls=LazyGroup,
    verbs=VERBS,
    prefix="earvid.cli.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="earvid")
def app(debug: bool) -> None:
    """Ear masks and landmarks on every frame of a clip, from one prompt on a keyframe."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 failed, 2 usage, 3 some clips failed, 130 Ctrl-C.

    Args:
        arguments: what follows the program's name; those of the process by default.
    """
    _allow_any_name()
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    # Allowed anywhere, since it is added in a hurry.
    sys.exit(_run([word for word in given if word != "--debug"], debug))


def _run(given: list[str], debug: bool) -> int:
    """Run a verb and return its exit code; errors are explained on standard error."""
    try:
        code = app.main(given, prog_name="earvid", standalone_mode=False, obj=debug)
    except click.ClickException as error:
        if given:
            return explain_usage(error)
        error.show()  # the help text
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        # click takes the end of a damaged file, if a library reports it so, for Ctrl-D.
        if isinstance(error.__cause__, EOFError):
            return explain(error.__cause__, debug=debug)
        again = any(word in RESUMABLE for word in given)
        say("Interrupted" + ("; run the same command again to go on." if again else "."))
        return INTERRUPTED
    except Exception as error:
        return explain(error, debug=debug)
    return code if isinstance(code, int) else 0


def _allow_any_name() -> None:
    """Let file names be printed that the terminal's encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
