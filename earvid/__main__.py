"""``python -m earvid`` is the command ``earvid``."""

from earvid.cli import main

main()
