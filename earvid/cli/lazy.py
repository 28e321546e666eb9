"""Groups whose commands are imported only when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is used.

    Args:
        verbs: name of a command -> its one line of help.
        prefix: what the name of a command's module begins with; the command's own name follows,
            ``-`` as ``_``. The module calls it ``command``.
        settings: those of a click group.
    """

    def __init__(self, *, verbs: Mapping[str, str], prefix: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._verbs, self._prefix = dict(verbs), prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in self._verbs:
            return None
        module = importlib.import_module(f"{self._prefix}{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._verbs.items()))
