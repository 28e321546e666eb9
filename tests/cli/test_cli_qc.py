"""Pages and pictures that say where to look twice, of the small clip's store."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from html import unescape
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import zarr
from command_line import call

from earvid.prompt import Prompt
from earvid.qc.origin import tracking_command
from earvid.store import Store

plot = pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs matplotlib")


def copy(tracked: Path, name: str = "ear.earvid.zarr") -> Path:
    """The store, in the current folder."""
    return Path(shutil.copytree(tracked / "ear.earvid.zarr", name))


def commands(page: Path) -> list[list[str]]:
    """The commands that a page shows, as a shell takes them apart."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"<code>(.*?)</code>", text, re.DOTALL)
    box = ",".join(re.findall(r'<label>\w+ <input [^>]*value="(\d+)"', text)[:4])  # as if typed
    words = [shlex.split(unescape(re.sub(r"<[^>]*>", "", one))) for one in found]
    return [[box if word == "X0,Y0,X1,Y1" else word for word in one] for one in words]


def test_a_page_is_written_beside_the_store_and_replaced(tracked, here, capfd):
    copy(tracked)
    for _ in range(2):
        said = call(capfd, "qc", "ear.earvid.zarr")
        assert (said.code, said.out, said.err) == (0, "ear.qc.html\n", "")
    text = Path("ear.qc.html").read_text(encoding="utf-8")
    score = np.nanmean(Store.open("ear.earvid.zarr").tracks.score)
    assert "<h1>ear.mp4</h1>" in text and f"{score:.3f}" in text and "not beside" not in text
    assert text.count("data:image/jpeg;base64,") >= 12
    Path("ear.qc.html").write_text("mine")
    said = call(capfd, "qc", "ear.earvid.zarr")
    assert said.code == 2 and "ear.qc.html is there already" in said.err
    assert Path("ear.qc.html").read_text() == "mine"
    assert call(capfd, "qc", "ear.earvid.zarr", "--overwrite").code == 0


def test_pages_go_where_they_are_asked_for(tracked, here, capfd):
    copy(tracked)
    shutil.copytree(tracked / "ear.earvid.zarr", "day2/ear.earvid.zarr")
    assert call(capfd, "qc", "ear.earvid.zarr", "--to", "a.html").out == "a.html\n"
    assert call(capfd, "qc", "ear.earvid.zarr", "--to", "new").out == "new/ear.qc.html\n"
    said = call(capfd, "qc", "ear.earvid.zarr", "day2/ear.earvid.zarr", "--to", "both")
    assert said.out.split() == ["both/ear.qc.html", "both/ear-2.qc.html", "both/qc.html"]
    said = call(capfd, "qc", "ear.earvid.zarr", "day2/ear.earvid.zarr")
    assert said.out.split() == ["ear.qc.html", "day2/ear.qc.html", "qc.html"]
    index = Path("qc.html").read_text(encoding="utf-8")
    assert 'href="ear.qc.html"' in index and 'href="day2/ear.qc.html"' in index
    assert 'href="../qc.html"' in Path("day2/ear.qc.html").read_text(encoding="utf-8")


def test_a_batch_has_a_page_with_what_failed(here, capfd, ear_box):
    Path("bad & worse.mp4").write_text("no clip")
    box = [float(value) for value in ear_box.split(",")]
    ears = [{"id": 1, "name": "left", "frames": {"5": {"box": box}}}]
    Path("ear.prompt.json").write_text(json.dumps({"version": 1, "objects": ears}))
    Path("notes.json").write_text('[{"clip": 1}]')  # not everything is a summary
    assert call(capfd, "batch", ".", "--workers", 1, "--summary", "run.csv").code == 3
    said = call(capfd, "qc", ".")
    assert (said.code, said.err) == (0, "")
    assert [Path(line).name for line in said.out.splitlines()] == ["ear.qc.html", "qc.html"]
    index = unescape(Path("qc.html").read_text(encoding="utf-8"))
    assert "bad & worse.mp4" in index and "is not a video" in index and "1 failed" in index
    assert "<script" not in index and '<a href="ear.qc.html">ear.mp4</a>' in index
    named = call(capfd, "qc", "run.csv")
    assert named.out == said.out or named.code == 0
    shutil.copytree("ear.earvid.zarr", "bad & worse.earvid.zarr")  # tracked since
    assert call(capfd, "qc", ".").code == 0
    assert "is not a video" not in Path("qc.html").read_text(encoding="utf-8")


def test_a_bad_store_does_not_stop_the_others(tracked, here, capfd):
    copy(tracked)
    copy(tracked, "torn.earvid.zarr")
    for part in Path("torn.earvid.zarr/labels/ear/mask/c").rglob("0"):
        if part.is_file():
            part.write_bytes(b"torn")
    said = call(capfd, "qc", ".")
    assert said.code == 3
    assert [Path(line).name for line in said.out.splitlines()] == ["ear.qc.html", "qc.html"]
    assert len(said.lines) == 1 and "torn.earvid.zarr" in said.err and "damaged" in said.err
    assert "torn.earvid.zarr" in Path("qc.html").read_text(encoding="utf-8")
    alone = call(capfd, "qc", "torn.earvid.zarr")
    assert alone.code == 1 and len(alone.lines) == 1 and "damaged" in alone.err


def doubtful(tracked: Path, name: str) -> Path:
    """The store, with three frames on which the score is low, so that something is flagged."""
    store = copy(tracked, name)
    root = zarr.open_group(store, mode="r+", zarr_format=3, use_consolidated=False)
    root["tracks/score"][8:11] = 0.3
    return store


def test_every_command_on_a_page_works(tracked, here, capfd, monkeypatch):
    """In another folder, on a clip with a name that a shell would take apart."""
    folder = here / "it's $HOME; <b>"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy("../ear.mp4", "ear.mp4")
    doubtful(tracked, "ear.earvid.zarr")
    assert call(capfd, "qc", "ear.earvid.zarr").code == 0
    found = commands(folder / "ear.qc.html")
    assert {words[1] for words in found} == {"correct", "render"}
    monkeypatch.chdir("/")
    (gone,) = [words for words in found if "--absent" in words]
    found.remove(gone)
    for words in found:
        said = call(capfd, *words[1:])
        assert said.code == 0, said.err
    store = Store.open(folder / "ear.earvid.zarr")
    fix = next(words for words in found if words[1] == "correct")
    corrected = np.flatnonzero(store.status == 2).tolist()
    assert corrected == [int(fix[fix.index("--frame") + 1])] and 8 <= corrected[0] < 11
    assert store.tracks.score[9, 0] > 0.3  # it was tracked anew
    assert list(folder.glob("ear.*-*.mp4"))
    assert call(capfd, "qc", folder / "ear.earvid.zarr").code == 0
    text = (folder / "ear.qc.html").read_text(encoding="utf-8")
    assert "correction 1" in text and f"ear on frame {corrected[0]}" in text
    # That the ear is not there after all takes back what was said, and nobody asks again.
    assert call(capfd, *gone[1:]).code == 0
    start, stop = map(int, gone[-1].split(":"))
    store = Store.open(folder / "ear.earvid.zarr")
    assert not store.tracks.area[start:stop].any() and store.ruled_out[start:stop].all()
    assert call(capfd, "qc", folder / "ear.earvid.zarr", "--overwrite").code == 0
    again = [words for words in commands(folder / "ear.qc.html") if "--absent" in words]
    assert gone[-1] not in [words[-1] for words in again]
    assert "absent" in (folder / "ear.qc.html").read_text(encoding="utf-8")


def test_a_store_prompted_with_masks_is_corrected_again_and_again(here, capfd, ear_box):
    mask = np.zeros((120, 160), np.uint8)
    x0, y0, x1, y1 = (round(float(value)) for value in ear_box.split(","))
    mask[y0:y1, x0:x1] = 255
    cv2.imwrite("m.png", mask)
    ears = [{"id": 1, "name": "ear", "frames": {"5": {"mask": "m.png"}}}]
    Path("ear.prompt.json").write_text(json.dumps({"version": 1, "objects": ears}))
    assert call(capfd, "track", "ear.mp4", "--landmarks", "none").code == 0
    for frame in (9, 2):
        root = zarr.open_group("ear.earvid.zarr", mode="r+", zarr_format=3, use_consolidated=False)
        root["tracks/score"][:] = 0.9
        root["tracks/score"][frame] = 0.1
        assert call(capfd, "qc", "ear.earvid.zarr").code == 0
        assert "prompted with masks" in Path("ear.qc.html").read_text(encoding="utf-8")
        fixes = [words for words in commands(Path("ear.qc.html")) if "--frame" in words]
        (fix,) = [words for words in fixes if words[words.index("--frame") + 1] == str(frame)]
        said = call(capfd, *fix[1:])
        assert said.code == 0, said.err
    assert list(Prompt.load("ear.prompt.json").objects[0].frames) == [2, 5, 9]
    assert "nothing to do" in call(capfd, "track", "ear.mp4", "--landmarks", "none").out


def test_the_clip_elsewhere_is_in_the_commands(tracked, here, capfd):
    doubtful(tracked, "a.zarr")
    Path("ear.mp4").rename("moved it.mp4")
    assert call(capfd, "qc", "a.zarr").code == 0
    assert "ear.mp4 is not beside the store" in Path("a.qc.html").read_text(encoding="utf-8")
    assert call(capfd, "qc", "a.zarr", "--clip", "moved it.mp4").code == 0
    assert "not beside" not in Path("a.qc.html").read_text(encoding="utf-8")
    for words in commands(Path("a.qc.html")):
        assert words[words.index("--clip") + 1] == str(here / "moved it.mp4")
        said = call(capfd, *words[1:])
        assert said.code == 0, said.err


@plot
def test_a_picture_of_the_memory_bank(tracked, here, capfd):
    Path("ear.mp4").unlink()
    store = tracked / "ear.earvid.zarr"
    said = call(capfd, "qc", store, "--memory", "m.png")
    assert (said.code, said.out, said.err) == (0, "m.png\n", "")
    colored = cv2.imread("m.png")
    assert min(colored.shape[:2]) > 500 and colored.std() > 20
    # Alone, without its clip, the store has gray thumbnails.
    shutil.copytree(store, "ear.earvid.zarr")
    assert call(capfd, "qc", "ear.earvid.zarr", "--memory", "g.png").code == 0
    gray = cv2.imread("g.png")
    below = slice(int(0.8 * gray.shape[0]), None)
    spread = [np.ptp(image[below].astype(int), axis=2).sum() for image in (colored, gray)]
    assert gray.shape == colored.shape and spread[1] < 0.7 * spread[0]
    again = call(capfd, "qc", "ear.earvid.zarr", "--memory", "m.png")
    assert again.code == 2 and "m.png is there already" in again.err
    assert call(capfd, "qc", "ear.earvid.zarr", "--memory", "m.png", "--overwrite").code == 0


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("qc none.zarr", 1, "no store at none.zarr"),
        ("qc ear.mp4", 1, "ear.mp4 is not an earvid store"),
        ("qc empty", 2, "empty holds no stores"),
        ("qc none.csv", 2, "none.csv is no summary of a batch"),
        ("qc ear.earvid.zarr --to none/a.html", 2, "none does not exist"),
        ("qc ear.earvid.zarr --to none/deep", 2, "none does not exist"),
        ("qc ear.earvid.zarr --to ear.mp4", 2, "ear.mp4 is neither a folder nor"),
        ("qc ear.earvid.zarr b.zarr --to a.html", 2, "a.html names one page"),
        ("qc ear.earvid.zarr --clip none.mp4", 1, "none.mp4"),
        ("qc ear.earvid.zarr b.zarr --clip ear.mp4", 2, "--clip names one clip"),
        ("qc ear.earvid.zarr --to a.html --memory m.png", 2, "--to does nothing beside --memory"),
        ("qc ear.earvid.zarr b.zarr --memory m.png", 2, "--memory draws one store"),
        ("qc none.zarr --memory m.png", 1, "no store at none.zarr"),
        ("qc ear.earvid.zarr --memory m.jpg", 2, "m.jpg does not end in .png"),
        ("qc ear.earvid.zarr --memory none/m.png", 2, "none does not exist"),
        ("qc ear.earvid.zarr --memory m.png --clip none.mp4", 1, "none.mp4"),
    ],
)
def test_one_sentence_and_nothing_left_behind(tracked, here, capfd, typed, code, words):
    copy(tracked)
    Path("empty").mkdir()
    before = set(here.rglob("*"))
    said = call(capfd, *typed.split())
    assert said.code == code and len(said.lines) == 1 and words in said.err, said.err
    assert set(here.rglob("*")) == before


def test_without_matplotlib_it_says_what_to_install(tracked, here, capfd, monkeypatch):
    monkeypatch.setattr("earvid.qc.memory.find_spec", lambda name: None)
    said = call(capfd, "qc", tracked / "ear.earvid.zarr", "--memory", "m.png")
    assert said.code == 2 and "earvid[plot]" in said.err and len(said.lines) == 1


def test_the_command_of_the_provenance_leads_to_the_same_store(tracked, here, capfd):
    copy(tracked)
    words = shlex.split(tracking_command(Store.open("ear.earvid.zarr")))
    said = call(capfd, *words[1:], "--dry-run")
    assert (said.code, said.out) == (0, "ear.mp4: would skip ear.earvid.zarr\n"), said.err
