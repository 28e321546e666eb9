"""``earvid evaluate memory`` as its users call it."""

import csv
import json

import cv2
import numpy as np
from command_line import call

from earvid.cli.evaluate_memory import KINDS
from earvid.evaluate.memory_scripts import KINDS as ALL_KINDS


def test_the_table_of_two_policies(tmp_path, capfd, quick_weights):
    said = call(
        capfd, "evaluate", "memory", "--kind", "clean", "--clips", 1, "--checkpoint", quick_weights,
        "--policy", "fifo", "--policy", "gated", "--output", tmp_path / "out",
    )  # fmt: skip
    assert said.code == 0 and said.lines == ["earvid: clean 1: 60 frames, 2 policies"]
    head, fifo, gated = (line.split() for line in said.out.splitlines()[:3])
    assert head[:3] == ["clips", "policy", "J&F"]
    assert fifo[:3] == ["1", "clean", "fifo"] and gated[:3] == ["1", "clean", "gated"]
    assert float(fifo[3]) > 0.6 and float(gated[3]) > 0.6
    with (tmp_path / "out" / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["policy"] for row in rows] == ["fifo", "gated"]
    about = json.loads((tmp_path / "out" / "table.json").read_text())
    assert about["clips_of"] == "drawn ears" and about["model"] == "earvid-nano"
    assert 0 < about["table"][0]["bank_full_at"] < 30 and about["table"][0]["ms_per_frame"] > 0
    cost = about["ms_of_a_further_ear"]
    assert cost["same_crop"]["further"] < cost["by_policy"]["fifo"]["first"]


def test_photos_of_too_few_people_are_told(tmp_path, capfd):
    mask = np.zeros((120, 120), np.uint8)
    mask[20:100, 40:80] = 255
    for part in ("images", "masks"):
        (tmp_path / "own" / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "own" / part / "anna_1.png"), mask)
    said = call(capfd, "evaluate", "memory", "--photos", tmp_path / "own")
    assert said.code == 1 and "three people" in said.err and len(said.lines) == 1


def test_options_that_make_no_sense_are_told(capfd):
    said = call(capfd, "evaluate", "memory", "--only", "closeup/*")
    assert said.code == 2 and "--only does nothing without --photos" in said.err
    said = call(capfd, "evaluate", "memory", "--policy", "lifo")
    assert said.code == 2 and len(said.lines) == 1


def test_the_verb_knows_all_kinds():
    assert tuple(ALL_KINDS) == KINDS
