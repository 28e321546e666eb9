"""Runs in processes of their own that are killed, for good, as a file takes its place."""

import signal
import subprocess
import sys

CHILD = """
import os, signal, sys
from earvid.pipeline import TrackSettings, track
from earvid.prompt import Prompt
clip, prompt, store, name, shard_bytes, landmarks = sys.argv[1:]
def kill(event, args):
    if event == "os.rename" and os.path.join(store, name) == str(args[1]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
settings = TrackSettings(shard_bytes=int(shard_bytes), reader="pyav", landmarks=landmarks)
track(clip, Prompt.load(prompt), store, settings=settings)
"""


def run_and_kill(clip, prompt, store, name, settings):
    """Track a clip into a store, and kill the run when a file of the store gets its name.

    Args:
        clip: the clip.
        prompt: file of its prompt.
        store: where to.
        name: of the file, within the store.
        settings: of which the size of shards and landmarks count.
    """
    told = [clip, prompt, store, name, settings.shard_bytes, settings.landmarks]
    command = [sys.executable, "-c", CHILD, *map(str, told)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
