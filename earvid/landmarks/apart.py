"""Following landmarks in a process of its own.

Landmarks are followed by many small steps, for each of which Python lets nothing else compute; in
a thread beside the model they slow it down by more than they take. A process of their own, which
knows neither PyTorch nor the store, does not. What they come to is the same to the bit.

The two talk by pickles through pipes that nobody else can reach.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any, BinaryIO, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError, LostProcessError
from earvid.landmarks.chart import Cover, gray_of
from earvid.landmarks.state import load_state
from earvid.landmarks.track import LandmarkResult, LandmarkTrack

_READY = "ready"
_PIPE = 2**20  # bytes: as much as Linux grants everybody
_BROKEN = (EOFError, OSError, pickle.UnpicklingError)
_LOST = "The process that follows landmarks has ended; run the same again, and it goes on."


class Follower(Protocol):
    """What follows the landmarks of one ear, wherever it computes."""

    @property
    def trust(self) -> NDArray[np.float32]:
        """``(K,)``, how sure the landmarks are on the keyframe, 0..1."""

    def step(self, image: NDArray[np.uint8], cover: Cover | None = None) -> LandmarkResult:
        """As :meth:`LandmarkTrack.step`."""

    def lose(self) -> None:
        """As :meth:`LandmarkTrack.lose`."""

    def dump(self) -> bytes:
        """Everything that was learned, for :func:`~earvid.landmarks.state.load_state`."""


class LandmarkProcess:
    """A process that follows landmarks; it ends with the context, or with this process.

    It starts while the caller goes on, and is waited for when it is first needed. Where no process
    can be started, tracks are followed in this one.
    """

    def __init__(self) -> None:
        self._process = _started()
        self._ready = False
        self._tracks = 0

    def __enter__(self) -> LandmarkProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def take(self, track: LandmarkTrack, *, instead: Follower | None = None) -> Follower:
        """Go on with a track there.

        Args:
            track: must not be used any more.
            instead: one that is not needed any more.

        Returns:
            what follows from now on; the track itself where no process could be started.
        """
        if not self._is_there():
            return track
        self._tracks += 1
        far = _FarTrack(self, self._tracks, track.trust)
        self.ask(far.number, "take", track.dump())
        if isinstance(instead, _FarTrack):
            self.ask(instead.number, "forget")
        return far

    def ask(self, number: int, what: str, *values: Any) -> Any:
        """Have something done by a track, and wait for what it says.

        Raises:
            LostProcessError: the process has ended.
            EarvidError: what the track raised.
        """
        if not self._is_there() or self._process is None:
            raise LostProcessError(_LOST)
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            _send(self._process.stdin, (number, what, values))
            answer = pickle.load(self._process.stdout)
        except _BROKEN as error:
            raise LostProcessError(_LOST) from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _is_there(self) -> bool:
        """Whether there is a process that can be asked; waits until it has started."""
        if self._process is None or self._ready:
            return self._process is not None
        assert self._process.stdout is not None
        try:
            self._ready = pickle.load(self._process.stdout) == _READY
        except _BROKEN:
            self._end()
        return self._ready

    def _end(self) -> None:
        """End the process, which holds nothing that is not asked for in time."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # of what could not be sent any more
                if pipe is not None:
                    pipe.close()
        self._process = None


class _FarTrack:
    """A track that is followed in another process."""

    def __init__(self, process: LandmarkProcess, number: int, trust: NDArray[np.float32]) -> None:
        self._process, self.number, self.trust = process, number, trust

    def step(self, image: NDArray[np.uint8], cover: Cover | None = None) -> LandmarkResult:
        # Color plays no part, and a third of the bytes travels in a third of the time.
        return cast(LandmarkResult, self._ask("step", gray_of(image), cover))

    def lose(self) -> None:
        self._ask("lose")

    def dump(self) -> bytes:
        return cast(bytes, self._ask("dump"))

    def _ask(self, what: str, *values: Any) -> Any:
        return self._process.ask(self.number, what, *values)


def _started() -> subprocess.Popen[bytes] | None:
    """A process that imports what this one would; None where none can be started."""
    if not sys.executable or getattr(sys, "frozen", False):  # of such, Python is but a part
        return None
    # Isolated, for else the current folder and whatever lies in it would come first.
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main()"
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process, which ends that one
        )
    except OSError:
        return None
    _widen(process.stdin)
    return process


def _widen(pipe: Any) -> None:
    """Let more of a frame into a pipe at once, where the system can be told to.

    Otherwise both sides wake each other for every 64 KiB of it.
    """
    with suppress(ImportError, AttributeError, OSError):  # of other systems, or for its limits
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def _send(pipe: Any, message: Any) -> None:
    pickle.dump(message, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer until nobody asks any more."""
    _send(answers, _READY)
    tracks: dict[int, LandmarkTrack] = {}
    while True:
        try:
            number, what, values = pickle.load(asked)
        except (EOFError, pickle.UnpicklingError):  # whoever asked has ended, perhaps in a word
            return
        try:
            answer = _answer(tracks, number, what, values)
        except EarvidError as error:
            answer = error
        except Exception as error:
            answer = RuntimeError(f"{type(error).__name__}: {error}")
        _send(answers, answer)


def _answer(tracks: dict[int, LandmarkTrack], number: int, what: str, values: Any) -> Any:
    if what == "take":
        tracks[number] = LandmarkTrack(load_state(*values))
        return None
    if what == "forget":
        del tracks[number]
        return None
    return getattr(tracks[number], what)(*values)


def main() -> None:
    """Follow landmarks for the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get between answers
    cv2.setNumThreads(1)
    try:
        _serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)  # nobody listens; there is nothing to flush
