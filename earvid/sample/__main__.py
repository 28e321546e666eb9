"""`python -m earvid.sample FOLDER` draws the sample clip anew."""

import sys

from earvid.errors import EarvidError, UsageError
from earvid.sample.files import write_sample


def main(arguments: list[str]) -> int:
    """Write the sample's files into the folder that is the only argument."""
    try:
        if len(arguments) != 1:
            raise UsageError(
                "give one folder to write the sample to: python -m earvid.sample FOLDER"
            )
        write_sample(arguments[0])
    except EarvidError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
