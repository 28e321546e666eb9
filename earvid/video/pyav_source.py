"""Reading frames with PyAV: any clip, forwards as a stream and backwards by windows."""

from collections.abc import Iterator
from pathlib import Path

from earvid.video.convert import Converter
from earvid.video.decode import decode
from earvid.video.frame import Image, Pixels
from earvid.video.picture import pixels_of
from earvid.video.probe import Probe
from earvid.video.windows import descending, window_frames


class PyAVSource:
    """Pictures or images of a probed clip; None stands for a damaged frame."""

    def __init__(self, path: Path, probed: Probe) -> None:
        self._path = path
        self._probed = probed
        self._convert = Converter(path.name, probed.look)

    def forward(self, start: int, stop: int) -> Iterator[Image | Pixels | None]:
        """Yield frames start, start + 1, ... stop - 1."""
        for position, picture in decode(self._path, self._probed.index, start, stop):
            yield None if picture is None else pixels_of(position, picture, self._convert)

    def backward(self, start: int, stop: int) -> Iterator[Image | Pixels | None]:
        """Yield frames stop - 1, stop - 2, ... start."""
        index = self._probed.index
        size = window_frames(self._probed.look.bytes_per_picture)
        for begin, end in descending(index.key_positions, start, stop, size):
            waiting = list(decode(self._path, index, begin, end))
            while waiting:
                position, picture = waiting.pop()
                yield None if picture is None else pixels_of(position, picture, self._convert)
