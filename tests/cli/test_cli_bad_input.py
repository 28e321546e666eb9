"""Whatever is wrong with the input: one sentence, the right exit code, and nothing left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from bad_files import make_bad_files
from command_line import call

FAILED, USAGE, SOME_FAILED = 1, 2, 3
BOX = "--box 50,30,90,90"
GOOD = f"track twin.mp4 {BOX}"  # which has no store

# What is typed, how it ends, and words that the sentence holds.
ROWS = [
    # The command itself
    ("tracc ear.mp4", USAGE, "No such command 'tracc'"),
    ("track", USAGE, "CLIP"),
    ("track ear.mp4 --bocks 1,2,3,4", USAGE, "No such option '--bocks'"),
    # The clip
    (f"track none.mp4 {BOX}", FAILED, "none.mp4 does not exist"),
    (f"track {'x' * 300}.mp4 {BOX}", FAILED, "xxx"),
    (f"track empty.mp4 {BOX}", FAILED, "empty.mp4 is empty"),
    (f"track text.mp4 {BOX}", FAILED, "text.mp4 is not a video"),
    (f"track start.mp4 {BOX}", FAILED, "start.mp4"),
    (f"track cut.mp4 {BOX}", FAILED, "cut.mp4 has no usable index"),
    (f"track sound.mp4 {BOX}", FAILED, "sound.mp4 holds no moving picture"),
    (f"track frameless.mkv {BOX}", FAILED, "frameless.mkv"),
    (f"track nothing {BOX}", FAILED, "nothing holds no images"),
    (f"track mixed {BOX}", FAILED, "must have one size"),
    (f"track torn {BOX}", FAILED, "2.png"),
    (f"track good.png {BOX} --mask small.png", FAILED, "mask"),
    (f"track /dev/null {BOX}", FAILED, "/dev/null is not a regular file"),
    # The prompt on the command line
    ("track ear.mp4 --box 1,2,3", USAGE, "--box '1,2,3' is not four numbers"),
    ("track ear.mp4 --box 1,2,3,4,5", USAGE, "--box is not four numbers"),
    ("track ear.mp4 --box left,1,right,2", USAGE, "--box is not four numbers"),
    ("track ear.mp4 --box=", USAGE, "--box is not four numbers"),
    ("track ear.mp4 --box nan,1,60,60", USAGE, "--box is not finite"),
    ("track ear.mp4 --box 1,1,inf,60", USAGE, "--box is not finite"),
    ("track ear.mp4 --box 60,60,10,10", USAGE, "--box is reversed"),
    ("track ear.mp4 --box 60,60,60,60", USAGE, "--box thinner"),
    ("track ear.mp4 --box 100,100,400,400", FAILED, "outside the frame of 160 × 120"),
    ("track ear.mp4 --point 5", USAGE, "--point '5' is not X,Y"),
    ("track ear.mp4 --point 5,5,7", USAGE, "--point is not X,Y"),
    ("track ear.mp4 --point nan,5", USAGE, "--point is not finite"),
    ("track ear.mp4 --point 1e99,5", USAGE, "--point is not finite"),
    ("track ear.mp4 --point 500,20", FAILED, "outside the frame"),
    ("track ear.mp4 --point 60,60,0", USAGE, "only background points"),
    (f"{GOOD} --keyframe 99", FAILED, "12 frames, 0 to 11"),
    (f"track dented.mp4 {BOX} --keyframe 5", FAILED, "frame 5 cannot be decoded another"),
    (f"{GOOD} --keyframe -1", USAGE, "--keyframe"),
    (f"{GOOD} --keyframe first", USAGE, "--keyframe"),
    ("track ear.mp4 --keyframe 3", USAGE, "--keyframe does nothing without --box"),
    ("track ear.mp4 --prompt good.json --keyframe 3", USAGE, "--keyframe does nothing --prompt"),
    (f"{GOOD} --prompt good.json", USAGE, "either --prompt or --box"),
    # Files of the prompt
    ("track ear.mp4 --mask none.png", FAILED, "none.png cannot be read"),
    ("track ear.mp4 --mask small.png", FAILED, "100 × 100 160 × 120"),
    ("track ear.mp4 --mask black.png", FAILED, "mask is empty"),
    ("track ear.mp4 --mask lossy.jpg", FAILED, "JPEG"),
    ("track ear.mp4 --mask torn.png", FAILED, "torn.png is not an image"),
    ("track ear.mp4 --mask text.mp4", FAILED, "text.mp4 is not an image"),
    (f"{GOOD} --landmarks none.pts", FAILED, "none.pts cannot be read"),
    (f"{GOOD} --landmarks few.pts", FAILED, "few.pts promises 55 points but holds 2"),
    (f"{GOOD} --landmarks open.pts", FAILED, "open.pts cut off"),
    (f"{GOOD} --landmarks words.csv", FAILED, "words.csv tragus two numbers"),
    (f"{GOOD} --landmarks torn.json", FAILED, "torn.json is not JSON"),
    (f"{GOOD} --landmarks landmarks.xlsx", FAILED, "not a .json, .csv or .pts"),
    ("track ear.mp4 --prompt none.json", FAILED, "none.json cannot be read"),
    ("track ear.mp4 --prompt nothing", FAILED, "nothing cannot be read"),
    ("track ear.mp4 --prompt torn.json", FAILED, "torn.json is not JSON"),
    ("track ear.mp4 --prompt binary.json", FAILED, "binary.json is not UTF-8"),
    ("track ear.mp4 --prompt extra.json", FAILED, "extra.json 'colour' is unknown"),
    ("track ear.mp4 --prompt typo.json", FAILED, "object 1 frame 5 'boxx' is unknown"),
    ("track ear.mp4 --prompt newer.json", FAILED, "newer.json version 9"),
    ("track ear.mp4 --prompt nobody.json", FAILED, "nobody.json no objects"),
    ("track ear.mp4 --prompt late.json", FAILED, "late.json frame 99"),
    # Several clips
    (f"track ear.mp4 twin.mp4 {BOX} -o one.zarr", USAGE, "--output names one store"),
    (f"track twin.mp4 twin.mov {BOX}", USAGE, "twin.mp4 and twin.mov would share"),
    (f"track text.mp4 empty.mp4 {BOX} --checkpoint none.pt", FAILED, "none.pt"),
    # Model and device
    (f"{GOOD} --model sam9", FAILED, "no model named 'sam9' earvid-nano"),
    (f"{GOOD} --model sam2.1-large", FAILED, "earvid download sam2.1-large"),
    (f"{GOOD} --checkpoint none.safetensors", FAILED, "none.safetensors"),
    (f"{GOOD} --checkpoint nothing", FAILED, "nothing"),
    (f"{GOOD} --checkpoint cut.safetensors", FAILED, "cut.safetensors is damaged"),
    (f"{GOOD} --checkpoint empty.safetensors", FAILED, "empty.safetensors is damaged"),
    (f"{GOOD} --checkpoint noise.pt", FAILED, "noise.pt is damaged"),
    (f"{GOOD} --checkpoint objects.pt", FAILED, "objects.pt"),
    (f"{GOOD} --checkpoint other.safetensors", FAILED, "other.safetensors does not fit"),
    (f"{GOOD} --checkpoint narrow.safetensors", FAILED, "narrow.safetensors does not fit"),
    (f"{GOOD} --checkpoint nan.safetensors", FAILED, "nan.safetensors is unusable not finite"),
    (f"{GOOD} --checkpoint future.safetensors", FAILED, "unknown key 'depth'"),
    (f"{GOOD} --checkpoint nan.safetensors --dry-run", FAILED, "not finite"),
    (f"{GOOD} --device gpu", USAGE, "--device 'gpu' 'cuda'"),
    (f"{GOOD} --roi sometimes", USAGE, "--roi 'follow', 'off'"),
    (f"{GOOD} --reader opencv", USAGE, "--reader 'decord' 'pyav'"),
    # The store to write
    (f"{GOOD} -o file.txt/a.zarr", FAILED, "file.txt"),
    (f"{GOOD} -o file.txt", FAILED, "file.txt is not an earvid store"),
    (f"{GOOD} -o mine", FAILED, "mine is not an earvid store"),
    (f"{GOOD} -o mine --overwrite", FAILED, "mine is not an earvid store"),
    (f"{GOOD} -o ear.mp4 --overwrite", FAILED, "ear.mp4 is not an earvid store"),
    (f"{GOOD} -o broken.zarr", FAILED, "broken.zarr is not an earvid store"),
    (f"track ear.mp4 {BOX}", FAILED, "ear.earvid.zarr was made from another prompt --overwrite"),
    (f"{GOOD} -o ear.earvid.zarr", FAILED, "made from another clip, prompt --overwrite"),
    (f"{GOOD} -o /proc/earvid.zarr", FAILED, "/proc/earvid.zarr"),
    # Looking at a store
    ("show", USAGE, "STORE"),
    ("show none.zarr", FAILED, "no store at none.zarr"),
    ("show nothing", FAILED, "no store at nothing"),
    ("show ear.mp4", FAILED, "ear.mp4 is not an earvid store"),
    ("show mine --json", FAILED, "mine is not an earvid store"),
    ("show broken.zarr", FAILED, "broken.zarr is not an earvid store"),
    ("show holes.zarr", FAILED, "holes.zarr 'score' damaged"),
    # Drawing
    ("render none.zarr", FAILED, "no store at none.zarr"),
    ("render ear.mp4", FAILED, "ear.mp4 is not an earvid store"),
    ("render alone/ear.earvid.zarr", USAGE, "ear.mp4 is not beside the store --clip"),
    ("render ear.earvid.zarr --clip none.mp4", FAILED, "none.mp4"),
    ("render ear.earvid.zarr --clip text.mp4", FAILED, "text.mp4 is not a video"),
    ("render ear.earvid.zarr --clip good.png -o a.mp4", FAILED, "the clip"),
    ("render ear.earvid.zarr -o taken.mp4", USAGE, "taken.mp4 is there already overwrite"),
    ("render ear.earvid.zarr --sheet taken.png", USAGE, "taken.png is there already overwrite"),
    ("render ear.earvid.zarr -o ear.mp4 --overwrite", USAGE, "ear.mp4 is the clip itself"),
    ("render ear.earvid.zarr -o a.avi", USAGE, "a.avi does not end in .mp4"),
    ("render ear.earvid.zarr --sheet a.jpg", USAGE, "a.jpg does not end in .png"),
    ("render ear.earvid.zarr -o none/a.mp4", USAGE, "none does not exist"),
    ("render ear.earvid.zarr -o file.txt/a.mp4", USAGE, "file.txt"),
    ("render ear.earvid.zarr -o a.mp4 --start 9 --end 3", USAGE, "9 to 3"),
    ("render ear.earvid.zarr -o a.mp4 --end 99", USAGE, "12 frames"),
    ("render ear.earvid.zarr --count 5", USAGE, "--count does nothing without --sheet"),
    ("render ear.earvid.zarr --sheet a.png --end 5", USAGE, "--end does nothing beside --sheet"),
    ("render ear.earvid.zarr --sheet a.png -o a.mp4", USAGE, "--output does nothing"),
    ("render ear.earvid.zarr --sheet a.png --count 0", USAGE, "--count"),
    ("render holes.zarr -o a.mp4", FAILED, "holes.zarr 'score' damaged"),
    # Fetching weights
    ("download sam9", FAILED, "no model named 'sam9'"),
    ("download medsam2", FAILED, "MedSAM2_latest.pt from its authors"),
    ("download --to cache", USAGE, "--to does nothing without a model"),
    ("download earvid-nano --to cache", USAGE, "--to does nothing comes with earvid"),
    # Training
    ("train photos", USAGE, "--run"),
    ("train none --run r", FAILED, "none is no training folder images/ masks/"),
    ("train maskless --run r", FAILED, "maskless is no training folder"),
    ("train unequal --run r", FAILED, "differ in size"),
    ("train unreadable --run r", FAILED, "a.jpg cannot be read"),
    ("train earless --run r", FAILED, "No mask holds an ear"),
    ("train photos --run r --hold-out tpyo*", FAILED, "'tpyo*' matches no photo"),
    ("train photos --run r --hold-out *", FAILED, "every photo"),
    ("train photos --run r --lengths 1,2", USAGE, "--lengths '1,2' at least 2"),
    ("train photos --run r --lengths long", USAGE, "--lengths 'long'"),
    ("train photos --run r --frames-per-step 6", USAGE, "8 frames (--lengths) --frames-per-step 6"),
    ("train photos --run r --minutes nan", USAGE, "--minutes above 0"),
    ("train photos --run r --minutes 0", USAGE, "--minutes above 0"),
    ("train photos --run r --learning-rate inf", USAGE, "--learning-rate above 0"),
    ("train photos --run r --seed -1", USAGE, "--seed"),
    ("train photos --run r --start none.pt", FAILED, "none.pt does not exist"),
    ("train photos --run r --start narrow.safetensors", FAILED, "does not fit"),
    ("train photos --run r --start a.pt --trunk-weights b", USAGE, "--trunk-weights does nothing"),
    ("train photos --run r --trunk-weights noise.pt", FAILED, "noise.pt cannot be read"),
    ("train photos --run r --calibrate-on a*", USAGE, "--hold-out give both"),
    ("train photos --run file.txt", FAILED, "file.txt"),
    ("train photos --run file.txt/r", FAILED, "file.txt"),
    ("train-detector photos --run r --faces-right q*", FAILED, "'q*' matches no photo"),
    ("train-detector photos --run r --sides words.csv", FAILED, "words.csv is no list of sides"),
]  # fmt: skip


@pytest.fixture(scope="module")
def bad(tmp_path_factory, tracked):
    folder = tmp_path_factory.mktemp("bad")
    shutil.copytree(tracked, folder, dirs_exist_ok=True)
    make_bad_files(folder)
    return folder


@pytest.fixture
def inside(bad, monkeypatch):
    """The folder of bad files as the current one."""
    monkeypatch.chdir(bad)
    monkeypatch.setenv("EARVID_CACHE", str(bad / "cache"))
    there = set(bad.iterdir())
    yield bad
    for left in set(bad.iterdir()) - there:  # a row that fails does not spoil those after it
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def everything(folder: Path) -> set[tuple[Path, int, int]]:
    """Names of all folders; names, sizes and times of all files."""
    paths = [(path, path.stat()) for path in folder.rglob("*")]
    return {
        (path, 0, 0) if path.is_dir() else (path, info.st_size, info.st_mtime_ns)
        for path, info in paths
    }


def check(folder: Path, capfd: pytest.CaptureFixture[str], typed: str, code: int, words: str):
    """One line that holds the words, the exit code, and every file as it was."""
    before = everything(folder)
    said = call(capfd, *typed.split())
    assert said.code == code, said.err
    assert said.out == ""
    assert len(said.err.splitlines()) == 1 and said.err.startswith("earvid: "), said.err
    assert "Traceback" not in said.err and "Unexpected" not in said.err
    missing = [word for word in words.split() if word not in said.err]
    assert not missing, said.err
    assert everything(folder) == before


@pytest.mark.parametrize(("typed", "code", "words"), ROWS, ids=[row[0][:60] for row in ROWS])
def test_one_sentence_and_nothing_left_behind(inside, capfd, typed, code, words):
    check(inside, capfd, typed, code, words)


def test_a_device_that_is_not_here(inside, capfd):
    absent = "mps" if torch.cuda.is_available() else "cuda"
    check(inside, capfd, f"{GOOD} --device {absent}", FAILED, f"no {absent} device --device auto")


def test_no_clip_of_several_is_good(inside, capfd):
    before = everything(inside)
    said = call(capfd, *f"track empty.mp4 none.mp4 nothing {BOX}".split())
    assert (said.code, said.out, len(said.lines)) == (SOME_FAILED, "", 3)
    assert all(line.startswith("earvid: ") for line in said.lines)
    assert everything(inside) == before
