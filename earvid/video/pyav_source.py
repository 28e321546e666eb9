"""Reading frames with PyAV: any clip, forwards as a stream and backwards by windows."""

from collections.abc import Iterator
from pathlib import Path

from earvid.video.decode import decode
from earvid.video.frame import Image
from earvid.video.look import RgbConverter
from earvid.video.probe import Probe
from earvid.video.windows import descending, window_frames


class PyAVSource:
    """Images of a probed clip; None stands for a damaged frame."""

    def __init__(self, path: Path, probed: Probe) -> None:
        self._path = path
        self._probed = probed

    def forward(self, start: int, stop: int) -> Iterator[Image | None]:
        """Yield the images of frames start, start + 1, ... stop - 1."""
        convert = RgbConverter(self._path.name, self._probed.look)
        for position, picture in decode(self._path, self._probed.index, start, stop):
            yield None if picture is None else convert(position, picture)

    def backward(self, start: int, stop: int) -> Iterator[Image | None]:
        """Yield the images of frames stop - 1, stop - 2, ... start."""
        index, look = self._probed.index, self._probed.look
        convert = RgbConverter(self._path.name, look)
        size = window_frames(look.bytes_per_picture)  # pictures wait as decoded, half of RGB's size
        for begin, end in descending(index.key_positions, start, stop, size):
            waiting = list(decode(self._path, index, begin, end))
            while waiting:
                position, picture = waiting.pop()
                yield None if picture is None else convert(position, picture)
