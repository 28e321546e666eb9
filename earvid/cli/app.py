"""The group of verbs, and how errors end a run."""

from __future__ import annotations

import importlib
import sys

import click

from earvid import __version__
from earvid.errors import EarvidError

# Verb -> one line of help. The module of a verb is imported when it is called, so that
# 'earvid --help' does not wait for PyTorch.
VERBS = {
    "track": "Track ears through one or several clips.",
    "show": "Say what is in a store.",
    "render": "Draw a store's results over its clip.",
    "download": "Fetch the weights of a model.",
    "train": "Train a model from still photos with masks.",
    "doctor": "Check this installation.",
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that imports a verb's module only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"earvid.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="earvid")
def app(debug: bool) -> None:
    """Ear masks on every frame of a clip, from one prompt on a keyframe."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 failed, 2 usage, 3 some clips failed, 130 Ctrl-C."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    given = [a for a in given if a != "--debug"]  # allowed anywhere, for it is added in a hurry
    try:
        code = app.main(given, prog_name="earvid", standalone_mode=False)
    except EarvidError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; the same command goes on from here.", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        _fail(f"{type(error).__name__}: {error} (add --debug to see where).", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(sentence: str, code: int) -> None:
    click.echo(f"earvid: {sentence}", err=True)
    sys.exit(code)
