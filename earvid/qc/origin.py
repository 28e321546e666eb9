"""The provenance of a store, as names and values for people."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from earvid.qc.commands import absolute, page_stem
from earvid.spans import written
from earvid.store import Store

Rows = list[tuple[str, str]]
DOCUMENTS = {
    "prompt": "Prompt",
    "found": "How the prompt was found",
    "guessed_landmarks": "Landmarks that were guessed",
}
SHOWN_APART = ("clip", "model", "settings", "corrections", *DOCUMENTS)
READERS = {"pyav": "PyAV", "decord": "decord"}
REASONS = {"reports damage": "it reports damaged frames"}
OPTIONS = ("model", "dtype", "quantize", "roi", "reentry", "policy", "landmarks")


def provenance_rows(store: Store) -> Rows:
    """What a store says about how it came about, in an order that people look for it."""
    about = store.provenance
    rows: Rows = [("store", absolute(store.path))]
    for key in ("clip", "model", "settings"):
        rows += list(_flat(key, _told(key, about.get(key) or {})))
    rows += [row for key in about if key not in SHOWN_APART for row in _flat(key, about[key])]
    if "command" not in about:
        rows.append(("command that does the same", tracking_command(store)))
    for number, entry in enumerate(about.get("corrections") or [], 1):
        rows.append((f"correction {number}", _correction(entry)))
    return [*rows, ("fingerprint", store.fingerprint)]


def provenance_documents(store: Store) -> Rows:
    """The longer parts, as JSON: title and text."""
    about = store.provenance
    return [
        (title, json.dumps(about[key], indent=1, ensure_ascii=False))
        for key, title in DOCUMENTS.items()
        if about.get(key)
    ]


def tracking_command(store: Store) -> str:
    """A call of ``earvid track`` that leads to such a store.

    A prompt of boxes and points on one frame is written out; any other is to be saved from the page
    as ``<clip>.prompt.json``. Every setting is spelled out, whatever the defaults are by now.
    """
    lineage = store.spec.lineage
    words = ["earvid", "track", store.clip_name]
    prompt = _prompt_words(store.provenance.get("prompt") or {})
    words += prompt or ["--prompt", f"{page_stem(store.path)}.prompt.json"]
    model = store.provenance.get("model") or {}
    for key in OPTIONS:
        if value := _name(lineage.get(key, model.get(key))):
            words += [f"--{key}", value]
    return shlex.join(words)


def _prompt_words(prompt: Mapping[str, Any]) -> list[str]:
    """Options for a prompt, or nothing where options cannot say it."""
    ears = prompt.get("objects") or []
    keyframes = {index for ear in ears for index in ear.get("frames", {})}
    words: list[str] = []
    if any(ear.get("absent") for ear in ears):
        return []
    if len(keyframes) != 1 or any(len(ear["frames"]) != 1 for ear in ears):
        return []
    for ear in ears:
        frame = next(iter(ear["frames"].values()))
        if not set(frame) <= {"box", "points"} or (len(ears) > 1 and "box" not in frame):
            return []
        if "box" in frame:
            words += ["--box", ",".join(f"{value:g}" for value in frame["box"])]
        for x, y, label in frame.get("points", []):
            words += ["--point", f"{x:g},{y:g}" + ("" if label else ",0")]
    return [*words, "--keyframe", keyframes.pop()]


def _told(key: str, about: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, with the reader of the clip and the reason for it as one thing to read."""
    if key != "clip" or "reader" not in about:
        return about
    reader, reason = about["reader"], about.get("reader_reason")
    why = f" ({REASONS.get(reason, reason)})" if reason else ""
    read = f"read with {READERS.get(reader, reader)}{why}"
    return {name: read if name == "reader" else value for name, value in about.items()
            if name != "reader_reason"}  # fmt: skip


def _name(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name", "follow"))
    return str(value or "")


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A value, or those within it, with the way to each as its name."""
    if isinstance(value, Mapping) and "name" in value and name == "settings policy":
        rest = ", ".join(f"{key} {one}" for key, one in value.items() if key != "name")
        yield name, f"{value['name']} ({rest})" if rest else str(value["name"])
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(f"{name} {key}".replace("_", " "), one)
    elif isinstance(value, list):
        if value:
            yield name, "; ".join(map(str, value))
    elif value is not None:
        yield name, str(value)


def _correction(entry: Mapping[str, Any]) -> str:
    keyframes = [
        f"{name} on frame {', '.join(map(str, frames))}"
        for name, frames in (entry.get("keyframes") or {}).items()
    ]
    absent = [f"{one} absent" for one in _spans(entry.get("absent"))]
    present = [f"{one} no longer said to be absent" for one in _spans(entry.get("present"))]
    return (
        f"{'; '.join([*keyframes, *absent, *present])}; tracked anew: "
        f"{'; '.join(_spans(entry.get('spans')))} "
        f"(earvid {entry.get('earvid')}, {entry.get('device')})"
    )


def _spans(by_ear: Mapping[str, Any] | None) -> list[str]:
    """Half-open spans of frames of each ear: ``left 4–18, 20``."""
    return [
        f"{name} " + ", ".join(written(first, stop) for first, stop in spans)
        for name, spans in (by_ear or {}).items()
    ]
