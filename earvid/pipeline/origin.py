"""What the arrays of a store follow from, and what that decides about a store that is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from earvid.detect import scout_digests
from earvid.errors import StoreError
from earvid.landmarks.guess import landmark_digest
from earvid.pipeline.changes import Changes, absent_ranges, find_changes, keyframe_digests
from earvid.pipeline.settings import TrackSettings
from earvid.prompt import Prompt
from earvid.store import Decision, StorePath, check_fingerprint, read_header
from earvid.tracker import RoiSettings
from earvid.tracker.looks import ReentrySettings

STATE_VERSION = 9  # of what the fingerprint covers; a change makes old stores "different"

# What differs, in the words of an error.
_WORDS = {
    "version": "version of earvid",
    "video": "clip",
    "model": "model",
    "weights": "weights",
    "numbers": "dtype or quantize",
    "roi": "roi",
    "reentry": "reentry",
    "policy": "policy",
    "landmarks": "landmarks",
}


@dataclass(frozen=True, eq=False)
class Origin:
    """Everything that decides what the arrays of a store will hold.

    Args:
        parts: all but the prompt, as plain values that JSON gives back unchanged.
        prompt: the ears.
    """

    parts: Mapping[str, Any]
    prompt: Prompt

    @classmethod
    def make(
        cls, video: str, prompt: Prompt, settings: TrackSettings, model: str, weights: str
    ) -> Origin:
        """Gather it.

        Args:
            video: sha256 of the clip's bytes.
            prompt: the ears.
            settings: only what changes results takes part.
            model: name in the zoo; one file can fit several architectures.
            weights: sha256 of the weights file.
        """
        parts = {
            "version": STATE_VERSION,
            "video": video,
            "model": model,
            "weights": weights,
            "numbers": settings.dtype if settings.quantize == "none" else settings.quantize,
            "roi": asdict(RoiSettings()) if settings.roi == "follow" else "off",
            # Without a crop there is no choice, and nothing to tell apart.
            **({"reentry": _reentry(settings)} if settings.roi == "follow" else {}),
            "policy": settings.make_policy().describe(),
            "landmarks": _landmarks(settings),
        }
        return cls(json.loads(json.dumps(parts)), prompt)

    def fingerprint(self) -> str:
        """sha256 hex, for a store that is made in one run."""
        return _sha256({**self.parts, "prompt": self.prompt.digest()})

    def corrected_fingerprint(self, before: str) -> str:
        """sha256 hex, for a store that is corrected to this prompt.

        A corrected store is not what one run with the same prompt would give: it depends on all
        prompts in their order, and so its fingerprint goes on from the one before.

        Args:
            before: fingerprint of the store that is corrected.
        """
        return _sha256({**self.parts, "prompt": self.prompt.digest(), "corrects": before})

    def lineage(self, earlier: Sequence[str] = ()) -> dict[str, Any]:
        """What a store keeps, so that a later run can tell what differs.

        Args:
            earlier: digests of the prompts before, if the store is corrected.
        """
        return {
            **self.parts,
            "prompt": self.prompt.digest(),
            "keyframes": keyframe_digests(self.prompt),
            **({"absent": absent} if (absent := absent_ranges(self.prompt)) else {}),
            "earlier": list(earlier),
        }


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is to be done about a store path.

    Args:
        decision: in a word.
        head: header of the store that is there, if any.
        changes: of the prompt, for a correction.
    """

    decision: Decision
    head: Mapping[str, Any] | None
    changes: Changes | None = None


def judge(path: StorePath, origin: Origin, *, overwrite: bool, by_hand: bool = False) -> Verdict:
    """Decide about a store path.

    Args:
        path: of the store.
        origin: what it is to follow from.
        overwrite: replace whatever store is there.
        by_hand: the prompt is known to be meant as a correction.

    Raises:
        StoreError: the store there was made another way and is not to be overwritten, or there is
            something that is no store.
    """
    head = read_header(path)
    if head is None or overwrite:
        return Verdict(Decision.CREATE, head)
    if head["fingerprint"] == origin.fingerprint():
        return Verdict(Decision.SKIP if head["complete"] else Decision.RESUME, head)
    lineage: Mapping[str, Any] = head.get("lineage") or {}
    if not lineage:  # made by other means, and so nothing can be told but that it differs
        check_fingerprint(path, head, origin.fingerprint())
    _refuse_other(path, lineage, origin)
    if head["complete"] and lineage["prompt"] == origin.prompt.digest():
        return Verdict(Decision.SKIP, head)  # corrected to this prompt
    if not head["complete"]:
        raise StoreError(
            f"{path} was begun with another prompt and is not complete: run that to its end before "
            f"you correct it, or replace it with --overwrite."
        )
    return Verdict(
        Decision.CORRECT, head, find_changes(path, lineage, origin.prompt, by_hand=by_hand)
    )


def _refuse_other(path: StorePath, lineage: Mapping[str, Any], origin: Origin) -> None:
    """Refuse a store of another clip, model or settings, and say what differs."""
    other = [
        _WORDS[key] + _rather(lineage.get(key), value)
        for key, value in origin.parts.items()
        if lineage.get(key, value) != value
    ]
    if not other:
        return
    if lineage["prompt"] != origin.prompt.digest():
        other.append("prompt")
    raise StoreError(
        f"{path} was made from another {', '.join(other)}: choose another output, or replace it "
        f"with --overwrite."
    )


def _reentry(settings: TrackSettings) -> dict[str, Any]:
    if not settings.scouts:
        return {"name": settings.reentry}
    return {"name": settings.reentry, **scout_digests(), **asdict(ReentrySettings())}


def _landmarks(settings: TrackSettings) -> str | dict[str, str]:
    if settings.landmarks != "auto":
        return settings.landmarks
    return {"name": "auto", "model": landmark_digest()}


def _rather(there: object, wanted: object) -> str:
    """Both values, where they are names that a user typed."""
    there, wanted = _name(there), _name(wanted)
    shown = there and wanted and there != wanted and max(len(there), len(wanted)) < 64
    return f" ({there} rather than {wanted})" if shown else ""


def _name(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name", "follow"))
    return str(value)


def _sha256(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
