"""The page of a store: what is in it, that it stands alone, and that it cannot be taken over."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex

import cv2
import numpy as np
import pytest
from made_masks import AWAY, FRAMES, JUMP, RETURN, doubtful, ellipse
from page_parts import Page

from earvid.qc import review, store_page
from earvid.qc.album import Album, Wish
from earvid.qc.clips import find_clip
from earvid.qc.plots import Columns, sparkline, ticks
from earvid.store import Store
from earvid.video import Clip, VideoWriter

HOSTILE = "<script>alert(1)</script>'\"; rm -rf $HOME & .mp4"


def page_of(store, clip=None, **options):
    return Page(store_page(review(store), clip, **options))


def test_a_page_stands_alone(make_store, doubtful_masks):
    page = page_of(make_store(doubtful_masks))
    assert page.unclosed == []
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "form"), tag
        for name in ("src", "href", "xlink:href", "action", "data", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:image/jpeg;base64,")), tag
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
    css = "".join(page.texts["style"])
    assert "url(" not in css and "@import" not in css
    assert not re.search(r"https?://|//cdn", page.source)


def test_only_its_own_script_and_style_are_allowed(make_store, doubtful_masks):
    page = page_of(make_store(doubtful_masks))
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    for rule, text in (
        ("style-src", page.texts["style"][0]),
        ("script-src", page.texts["script"][-1]),
    ):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_the_numbers_are_those_of_the_store(make_store):
    masks = [
        ellipse(40, 60) + 2 * ellipse(120, 60) * (t % 2 == 0) for t in range(20)
    ]  # the second ear is seen on every other frame
    store = make_store(masks, ids=(1, 2), names=("left", "right"), score=lambda t: 0.5 + t / 100)
    page = page_of(store)
    left, right = [row for row in page.texts["tr"] if row.startswith(("left", "right"))]
    score = store.tracks.score
    left, right = (row.replace("\N{NO-BREAK SPACE}", " ") for row in (left, right))
    assert "100 %" in left and f"{np.nanmean(score[:, 0]):.3f}" in left
    assert "50 %" in right and f"{np.nanmean(score[:, 1]):.3f}" in right
    data = [json.loads(text) for text in page.texts["script"][:-1]]
    assert [one["frames"] for one in data] == [list(range(20))] * 2
    areas = np.array([one["series"][3][0] for one in data]).T
    np.testing.assert_allclose(areas, store.tracks.area, rtol=0.005)
    np.testing.assert_allclose(data[0]["series"][1][0], score[:, 0], rtol=0.005)
    assert all(one["aria-label"] for one in page.all("svg") if one.get("role") == "img")
    assert all(image["alt"] for image in page.all("img"))


def test_flagged_spans_are_shown_with_pictures_and_commands(make_store, doubtful_masks):
    store = make_store(doubtful_masks)
    page = page_of(store)
    titles = [text.strip() for text in page.texts["h3"]]
    assert {f"ear, frames {JUMP}–46", f"ear, frames {AWAY}–{RETURN}"} <= set(titles)
    commands = [shlex.split(text) for text in page.texts["code"]]
    gone = [words for words in commands if words[1] == "correct" and "--absent" in words]
    assert {words[-1] for words in gone} == {f"{JUMP}:47", f"{AWAY}:{RETURN + 1}"}
    fixes = [words for words in commands if words[1] == "correct" and words not in gone]
    assert len(fixes) == 2 and all(words[2] == str(store.path) for words in fixes)
    assert {words[words.index("--frame") + 1] for words in fixes} <= {str(t) for t in range(FRAMES)}
    assert all(words[-2:] == ["--box", "X0,Y0,X1,Y1"] for words in fixes)
    places = [page.texts["code"].index(text) for text in page.texts["code"] if "--box" in text]
    buttons = page.all("button")
    assert all("disabled" in buttons[place] for place in places)
    assert sum("disabled" in button for button in buttons) == len(fixes)
    assert f"tracked anew on frames 0–{FRAMES - 1}" in page.text
    figures = [text for text in page.texts["figcaption"] if "worst" in text]
    assert len(figures) == 2
    assert "The clip clip.mp4 is not beside the store" not in page.text  # nobody said so


def test_a_card_says_how_far_a_correction_reaches(make_store, doubtful_masks):
    frames = {"10": {"box": [1, 2, 3, 4]}, "60": {"box": [1, 2, 3, 4]}}
    about = {"prompt": {"objects": [{"id": 1, "name": "ear", "frames": frames}]}}
    text = page_of(make_store(doubtful_masks, provenance=about)).text
    assert "ear is then tracked anew on frames 11–59." in text
    assert f"ear is then tracked anew on frames 61–{FRAMES - 1}." in text


def test_a_span_with_the_only_keyframe_takes_the_ear_out(make_store, doubtful_masks):
    for frames, value in (({JUMP: {}}, ":"), ({JUMP: {}, 10: {}}, f"{JUMP}:47")):
        ear = {"id": 1, "name": "ear", "frames": {str(t): given for t, given in frames.items()}}
        about = {"prompt": {"objects": [ear]}, "found": {}}
        page = page_of(make_store(doubtful_masks, f"{len(frames)}.zarr", provenance=about))
        gone = [shlex.split(text)[-1] for text in page.texts["code"] if "--absent" in text]
        assert gone[0] == value and gone[1] == f"{AWAY}:{RETURN + 1}"
        assert ("taken out of the clip" in page.text) == (value == ":")


def test_what_is_flagged_is_told_ear_by_ear(make_store):
    masks = [ellipse(40, 60) + 2 * ellipse(120, 60) * (t % 2 == 0) for t in range(20)]
    about = {"found": {}}
    store = make_store(masks, ids=(1, 2), names=("left", "right"), provenance=about)
    found = review(store)
    text = page_of(store).text.replace("\N{NO-BREAK SPACE}", " ")
    flagged = 100 * found.share(found.ears[1][0])
    assert 50 < flagged <= 100
    assert f"0 % of the frames of left, {flagged:.0f} % of the frames of right." in text
    worst = max(span.doubt for span in found.spans)
    assert (
        f"The doubt of the clip is {found.doubt:.2f}: that of its worst span, {worst:.2f}" in text
    )
    assert "right is not followed well here: prompt it on another frame" in text
    assert "leave it out (earvid track … --only left)" in text and "left is not" not in text


def test_the_reader_of_the_clip_is_told_in_words(make_store):
    about = {"clip": {"name": "clip.mp4", "reader": "pyav", "reader_reason": "reports damage"}}
    page = page_of(make_store([ellipse(60, 60)] * 4, provenance=about))
    assert "read with PyAV (it reports damaged frames)" in page.texts["dd"]
    assert "reports damage " not in page.text


@pytest.mark.parametrize("ear", ["<b onclick='x'>", '"&', "left; touch x"])
def test_names_cannot_do_anything(make_store, doubtful_masks, ear):
    prompt = {"objects": [{"id": 1, "name": ear, "frames": {"3": {"box": [1, 2, 3, 4]}}}]}
    about = {"prompt": prompt, "clip": {"name": HOSTILE, "warnings": [HOSTILE]}, HOSTILE: HOSTILE}
    store = make_store(doubtful_masks, ids=(1,), names=(ear,), clip_name=HOSTILE, provenance=about)
    page = page_of(store, clip_note=HOSTILE)
    assert page.unclosed == [] and len(page.texts["script"]) == 2
    assert HOSTILE in page.texts["h1"][0] and "<script>alert" not in page.source
    assert not [tag for tag, attributes in page.tags if "onclick" in attributes or (tag == "b" and
                attributes)]  # fmt: skip
    again = next(dd for dd in page.texts["dd"] if dd.startswith("earvid track"))
    assert shlex.split(again)[2] == HOSTILE


def test_an_incomplete_store_has_a_page_that_says_so(make_store, doubtful_masks):
    page = page_of(make_store(doubtful_masks, done=50))
    assert "48 % done" in page.text and "is not complete" in page.text
    assert not [text for text in page.texts["code"] if "correct" in text]
    assert [text for text in page.texts["code"] if "render" in text]


def test_masks_that_were_lost_are_told(make_store, doubtful_masks):
    store = make_store(doubtful_masks)
    next((store.path / "labels/ear/mask/c/1").rglob("0/0")).unlink()  # zarr reads zeros there
    assert "The store is damaged: on 16 frames" in page_of(Store.open(store.path)).text
    assert "damaged" not in page_of(make_store(doubtful_masks, "b.zarr")).text


def test_nothing_tracked_yet_is_no_error(make_store, doubtful_masks):
    page = page_of(make_store(doubtful_masks, done=0))
    assert "No frame is tracked yet" in page.text and "0 % done" in page.text


def test_without_a_clip_pictures_are_gray_and_the_page_says_so(make_store, doubtful_masks):
    store = make_store(doubtful_masks)
    clip, note = find_clip(store, None)
    assert clip is None and note is not None
    assert "The clip clip.mp4 is not beside the store" in page_of(store, clip, clip_note=note).text


def test_another_clip_beside_the_store_is_not_taken(make_store, doubtful_masks, tmp_path):
    store = make_store(doubtful_masks)
    with VideoWriter(tmp_path / "clip.mp4", 160, 120) as writer:
        for _ in range(3):
            writer.write(np.zeros((120, 160, 3), np.uint8))
    clip, note = find_clip(store, None)
    assert clip is None and note is not None and "another clip" in note
    (tmp_path / "clip.mp4").write_bytes(b"none")
    clip, note = find_clip(store, None)
    assert clip is None and note is not None and "cannot be read" in note


def test_pictures_come_from_the_clip_with_their_frames(make_store, tmp_path):
    store = make_store([ellipse(60, 60)] * 8)
    with VideoWriter(tmp_path / "clip.mp4", 160, 120) as writer:
        for t in range(8):
            writer.write(np.full((120, 160, 3), (30 * t, 0, 0), np.uint8))
    with Clip.open(tmp_path / "clip.mp4") as clip:
        made = Album(store, clip).make([Wish(t, marked=False) for t in (6, 1, 6, 3)])
    assert sorted(wish.index for wish in made) == [1, 3, 6]
    for wish, picture in made.items():
        data = np.frombuffer(base64.b64decode(picture.uri.partition(",")[2]), np.uint8)
        red = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., 2]
        assert abs(float(red.mean()) - 30 * wish.index) < 12 and not picture.gray


def test_a_page_of_noise_is_small(make_store, tmp_path):
    rng = np.random.default_rng(0)
    shape = (480, 640)
    masks = [
        ellipse(*rng.integers(100, 380, 2), *rng.integers(20, 200, 2), shape) * (t % 3 > 0)
        for t in range(30)
    ]
    store = make_store([mask.astype(np.uint8) for mask in masks])
    with VideoWriter(tmp_path / "clip.mp4", 640, 480) as writer:
        for _ in masks:
            writer.write(rng.integers(0, 256, (480, 640, 3), np.uint8))
    with Clip.open(tmp_path / "clip.mp4") as clip:
        text = store_page(review(store), clip)
    assert len(text) < 3_000_000


def test_long_clips_are_drawn_as_an_envelope_that_shows_every_frame():
    values = np.full(20_000, 0.9)
    values[12_345] = 0.1
    columns = Columns(20_000, 500)
    low, mean, high = columns.folded(values)
    assert len(low) == 500 and low.min() == 0.1 and np.argmin(low) == 12_345 // 40
    assert mean.min() > 0.87 and high.min() == 0.9
    assert columns.stretch(100, 101).width >= 3
    assert len(sparkline(values)) < 4000 and len(ticks(np.arange(20_000) / 25)) <= 7


def test_a_store_that_grows_is_read_as_it_was(make_store):
    store = make_store(doubtful(), done=32)
    again = Store.open(store.path)
    assert page_of(again).texts["tr"] == page_of(store).texts["tr"]
