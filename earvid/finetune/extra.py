"""What the extra ``[finetune]`` installs."""

from __future__ import annotations

from importlib.util import find_spec

from earvid.errors import EarvidError


def need(package: str) -> None:
    """See that a package is installed.

    Raises:
        EarvidError: it is not; the sentence names the extra.
    """
    if find_spec(package) is None:
        raise EarvidError(
            f"Fine-tuning needs {package}: install it with pip install 'earvid[finetune]'."
        )
