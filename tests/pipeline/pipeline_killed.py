"""Runs in processes of their own that are killed, for good."""

import os
import random
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace

from apart import begin, pipe

from earvid.pipeline import track


def run_and_kill(clip, prompt, store, name, settings, model):
    """Track a clip into a store, and kill the run when a file of the store gets its name.

    Args:
        clip: the clip.
        prompt: how.
        store: where to.
        name: of the file, within the store.
        settings: of the run.
        model: whose weights it takes.
    """
    settings = replace(settings, checkpoint=model.weights)
    process = begin(_until_named, clip, prompt, store, name, settings)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _until_named(clip, prompt, store, name, settings):
    def kill(event, args):
        if event == "os.rename" and os.path.join(store, name) == str(args[1]):  # noqa: PTH118
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    track(clip, prompt, store, settings=settings)


def run(clip, prompt, store, settings, model, kill_after=None, seed=0):
    """Track a clip into a store, and perhaps kill the run at a random moment.

    Args:
        clip: the clip.
        prompt: how.
        store: where to.
        settings: of the run.
        model: whose weights it takes.
        kill_after: frames after which it is killed, and seconds within which; ``None`` to let it
            come to its end.
        seed: of the moment.

    Returns:
        whether it came to its end.
    """
    ours, theirs = pipe()
    settings = replace(settings, checkpoint=model.weights)
    process = begin(_telling, clip, prompt, store, settings, theirs)
    theirs.close()
    if kill_after is not None:
        frames, seconds = kill_after
        with suppress(EOFError):  # it has come to its end
            while ours.recv() < frames:
                pass
        time.sleep(random.Random(seed).uniform(0, seconds))
        process.kill()
    process.join()
    ours.close()
    return process.exitcode == 0


def _telling(clip, prompt, store, settings, told):
    track(clip, prompt, store, settings=settings, progress=lambda done, total: told.send(done))
