"""``python -m earvid.cli`` is the command ``earvid``."""

from earvid.cli import main

main()
