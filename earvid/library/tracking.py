"""``earvid.track``: one clip, with a prompt in any form or none, to an opened recording."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from earvid.errors import UsageError, VideoError
from earvid.library.prompts import AnyPath, Asked, Boxes, Landmarks, Masks, Points, PromptLike
from earvid.library.recording import Recording
from earvid.prompt import Prompt
from earvid.store import Store, StorePath, store_path

if TYPE_CHECKING:
    from earvid.models import LoadedModel
    from earvid.pipeline import TrackSettings

Progress = Callable[[int, int], None]


def track(
    clip: AnyPath,
    prompt: PromptLike | None = None,
    store: AnyPath | None = None,
    *,
    box: Boxes | None = None,
    points: Points | None = None,
    mask: Masks | None = None,
    landmarks: Landmarks | None = None,
    frame: int | None = None,
    ears: int | None = None,
    only: Literal["left", "right"] | None = None,
    model: str | LoadedModel | None = None,
    checkpoint: AnyPath | None = None,
    device: str | None = None,
    policy: str | None = None,
    settings: TrackSettings | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Recording:
    """Track the ears of a clip through all of its frames. ::

        earvid.track("clip.mp4")                                         # finds the ears itself
        earvid.track("clip.mp4", box=(412, 160, 498, 301), frame=30)
        earvid.track("clip.mp4", box={"left": (...), "right": (...)}, landmarks="none")
        earvid.track("clip.mp4", points=[(450, 230), (400, 150, 0)])     # 0 = background
        earvid.track("clip.mp4", "clip.prompt.json", "results/clip.earvid.zarr")

    Results are streamed to a store. Stopped and called again, it goes on where it was; a store
    that is complete is opened as it is; and one whose prompt has got more keyframes since is
    corrected about these.

    Without any prompt, ``<clip>.prompt.json`` beside the clip is used; without that, the prompt
    that the store has; without that, the ears are found, as ``earvid track`` does it.

    Coordinates are x, y in pixels of the upright frame; whole numbers are pixel centers.

    Args:
        clip: a video file or a folder of images.
        prompt: a :class:`~earvid.prompt.Prompt`, the path of a prompt file, or what is in one as a
            dict.
        store: where to; ``<clip>.earvid.zarr`` beside the clip by default.
        box: x0, y0, x1, y1 of an ear; a list of them for several ears, or a dict by their names.
        points: (x, y) or (x, y, label) or a list of them, label 1 = ear, 0 = background; a dict by
            names for several ears.
        mask: (H, W) array, not 0 = ear, or an image file; a list or dict for several ears.
        landmarks: a dict of names to (x, y), a (K, 2) array, of which one with 55 is iBUG's scheme,
            or a ``.pts``, ``.csv`` or ``.json`` file; a dict of them by names of ears. Those of
            ears without are guessed; ``"prompt"`` guesses none, ``"none"`` follows none at all.
        frame: number of the frame of these four, from 0.
        ears: without a prompt, at most so many.
        only: without a prompt, ears of this side of the person.
        model: name in the zoo, or a loaded model to use for several clips.
        checkpoint: weights to use instead of the model's own.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        policy: of the memory bank, one of ``earvid.tracker.POLICIES``.
        settings: all further settings; the four above go before them.
        overwrite: replace a store that was made another way.
        progress: called with frames done and frames in all, about once a frame.

    Returns:
        The opened results.

    Raises:
        EarvidError: one sentence on what is wrong with clip, prompt, model or store; of kind
            ``NoEarError`` where no ear is certain enough to be tracked unasked.
    """
    asked = Asked(prompt, box, points, mask, landmarks, frame)
    job = make_job(
        clip, asked, settings, model=model, checkpoint=checkpoint, device=device, policy=policy
    )
    from earvid.pipeline import track as track_clip

    target = None if store is None else store_path(store)
    told, note = job.prompt(asked, Search(ears, only), target, overwrite=overwrite)
    report = track_clip(
        job.clip,
        told,
        target,
        settings=job.settings,
        model=job.loaded,
        overwrite=overwrite,
        progress=progress,
        found=note,
    )
    return Recording(Store.open(report.store), job.clip)


@dataclass(frozen=True)
class Search:
    """What to look for where nobody gave a prompt.

    Args:
        ears: at most so many, or as many as are likely enough.
        only: of this side alone.
    """

    ears: int | None = None
    only: Literal["left", "right"] | None = None


@dataclass(eq=False)
class Job:
    """A clip and how to track it.

    Args:
        clip: a video file or a folder of images.
        settings: how to track.
        loaded: the model, as soon as it is.
    """

    clip: Path
    settings: TrackSettings
    loaded: LoadedModel | None

    def model(self) -> LoadedModel:
        """The model, loaded when first asked for."""
        if self.loaded is None:
            self.loaded = self.settings.load()
        return self.loaded

    def prompt(
        self, asked: Asked, search: Search, store: StorePath | None, *, overwrite: bool
    ) -> tuple[Prompt, dict[str, Any] | None]:
        """The prompt that was given, lies beside the clip, is in the store, or is found.

        Args:
            asked: what the caller says.
            search: what to look for otherwise.
            store: whose prompt may be gone on with; None is the one beside the clip.
            overwrite: look anew, whatever an earlier run found.

        Returns:
            The prompt, and for a found one a note for the provenance.

        Raises:
            EarvidError: as :func:`track` does.
        """
        from earvid.batch import Entry
        from earvid.batch.prompts import found_prompt, given_prompt
        from earvid.detect import Wanted

        entry = Entry(self.clip, output=store)
        told = asked.to_prompt() or given_prompt(entry)
        if told is not None:
            if search != Search():
                raise UsageError("ears= and only= do nothing beside a prompt; leave them out.")
            return told, None
        wanted = Wanted(only=search.only)
        if search.ears is not None:
            wanted = Wanted(search.ears, search.only)
        return found_prompt(entry, wanted, self.settings, self.model, overwrite=overwrite)


def make_job(
    clip: AnyPath,
    asked: Asked,
    settings: TrackSettings | None,
    *,
    model: str | LoadedModel | None,
    checkpoint: AnyPath | None,
    device: str | None,
    policy: str | None,
) -> Job:
    """Check the clip's path, and settle how to track.

    Raises:
        VideoError: there is no such clip.
        UsageError: a setting makes no sense.
    """
    with warnings.catch_warnings():
        # In notebooks without widgets, what one of PyTorch's companions says on import.
        warnings.filterwarnings("ignore", "IProgress not found")
        from earvid.pipeline import TrackSettings

    path = Path(clip)
    if not path.exists():
        raise VideoError(f"{path} does not exist; check the path.")
    loaded = None if model is None or isinstance(model, str) else model
    name = model if isinstance(model, str) else loaded.name if loaded else None
    said: dict[str, Any] = {
        "model": name,
        "checkpoint": None if checkpoint is None else Path(checkpoint),
        "device": device,
        "policy": policy,
        "landmarks": asked.mode,
    }
    changed = {key: value for key, value in said.items() if value is not None}
    return Job(path, replace(settings or TrackSettings(), **changed), loaded)
