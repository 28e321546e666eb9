"""The prompt of a clip of a batch: what its entry says, what lies beside it, or what is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from earvid.batch.manifest import Entry
from earvid.errors import PromptError
from earvid.prompt import Prompt, prompt_beside, prompt_from_options
from earvid.video.names import IMAGES

if TYPE_CHECKING:
    from earvid.detect import EarDetector, Wanted
    from earvid.detect.choose import Verifier
    from earvid.models import LoadedModel
    from earvid.pipeline import TrackSettings

Kind = Literal["box", "point", "mask", "landmarks"]
LANDMARKS = (".csv", ".pts")


def given_prompt(entry: Entry) -> Prompt | None:
    """The prompt that an entry names, or else the one in `<clip>.prompt.json` beside the clip.

    Raises:
        PromptError: it is missing or malformed.
    """
    if entry.prompt is None:
        return prompt_beside(entry.clip)
    path = entry.folder / entry.prompt
    if path.suffix.lower() == ".json":
        if entry.keyframe is not None:
            raise PromptError(f"{path} names its frames; leave the column keyframe empty.")
        return Prompt.load(path)
    kind = _kind(path, entry.prompt)
    value = str(path) if kind in ("mask", "landmarks") else entry.prompt
    return prompt_from_options([(kind, value)], entry.keyframe or 0)


def _kind(path: Path, text: str) -> Kind:
    suffix = path.suffix.lower()
    if suffix in IMAGES:
        return "mask"
    if suffix in LANDMARKS:
        return "landmarks"
    numbers = text.replace(",", " ").split()
    try:
        [float(number) for number in numbers]
    except ValueError:
        numbers = []
    if len(numbers) in (2, 4):
        return "box" if len(numbers) == 4 else "point"
    raise PromptError(
        f"the prompt {text!r} is no prompt file (.json), mask image, landmarks file "
        f"({', '.join(LANDMARKS)}), box X0,Y0,X1,Y1 or point X,Y."
    )


def found_prompt(
    entry: Entry,
    wanted: Wanted,
    settings: TrackSettings,
    model: Callable[[], LoadedModel],
    *,
    overwrite: bool,
    dry_run: bool = False,
    detector: EarDetector | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Prompt, dict[str, Any] | None]:
    """Find the ears of a clip, or go on with what an earlier run found.

    Args:
        entry: the clip.
        wanted: which ears.
        settings: how it will be tracked.
        model: gives the model that is to track, for a second look.
        overwrite: look anew, whatever an earlier run found.
        dry_run: leave the store as it is.
        detector: one to use for several clips; loaded by default.
        progress: called with frames looked at and frames to look at.

    Returns:
        The prompt, and a note for the provenance unless the store's own prompt was given by hand.

    Raises:
        EarvidError: no ear is certain enough, or the clip cannot be read.
    """
    from earvid.detect import find_prompt, load_detector, recall_prompt
    from earvid.store import settle
    from earvid.video import Clip

    if not dry_run:
        settle(entry.store)  # of a store that is half replaced no prompt can be recalled
    detector = detector or load_detector()
    with Clip.open(entry.clip, reader=settings.reader) as source:
        earlier = None if overwrite else recall_prompt(entry.store, source, detector, wanted)
        if earlier is not None:
            return earlier
        verifier = second_look(model(), settings)
        chosen = find_prompt(source, detector, verifier=verifier, wanted=wanted, progress=progress)
        return chosen.prompt, chosen.note


def second_look(model: LoadedModel, settings: TrackSettings) -> Verifier:
    """What sees to it that an ear is prompted only where the model that is to track sees one, too.

    Args:
        model: the model that is to track.
        settings: how it will.
    """
    from earvid.detect import TrackerVerifier
    from earvid.tracker import RoiSettings

    return TrackerVerifier(model, RoiSettings() if settings.roi != "off" else None)
