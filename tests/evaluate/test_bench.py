"""The benchmark: what it says about runs, and small runs of it as its users start them."""

import json
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from torch import nn, ones

from earvid.cli import main
from earvid.errors import UsageError
from earvid.evaluate.bench import BenchPlan, run_bench
from earvid.evaluate.bench_clips import MaskTruth, clip_key, draw_clips, drawn_clip, limited
from earvid.evaluate.bench_measures import Measures, Stopwatch
from earvid.evaluate.bench_plot import plot_bench
from earvid.evaluate.bench_report import BenchReport
from earvid.evaluate.bench_rows import LEAST_FRAMES, ROWS, Row, choose_rows
from earvid.prompt import Prompt
from earvid.stages import Stages, each, stage, watching
from earvid.video import Clip

MACHINE = {
    "processor": "a processor", "cores": 2, "threads": 2, "gpu": None, "torch": "2", "clip": "drawn"
}  # fmt: skip


def measures(pace, peak=100, quality=None, **more):
    times = (1.0, 20 * pace, pace, 12, 12 * pace, 30 * pace)
    return Measures(20, *times, peak, 50, j_and_f=quality, **more)


@pytest.fixture
def report():
    rows = choose_rows(["stock-tiny", "nano", "nano-int8", "ears-1", "ears-2"])
    runs = {
        "stock-tiny": [measures(6.0, 3000), measures(9.0, 3000)],
        "nano": [measures(0.06, 1000, 0.95), measures(0.1, 1000, 0.95, mask_bytes=12000)],
        "nano-int8": [measures(0.03, 900, 0.94), measures(0.05, 900, 0.94)],
        "ears-1": [measures(0.1), measures(0.1, stages={"encode": 0.5, "decode": 0.1})],
        "ears-2": [measures(0.15), measures(0.17)],
    }
    return BenchReport(rows, runs, MACHINE)


def test_rows_are_compared_turn_by_turn(report):
    found = report.comparisons()
    # 6 / 0.06 and 9 / 0.1: the machine was slower in the second turn, and both rows with it.
    assert found["nano, faster than stock tiny at 1024 px"] == pytest.approx(95)
    assert found["nano, less memory than stock tiny"] == 3
    assert found["int8, faster"] == 2 and found["int8, J&F lost"] == pytest.approx(0.01)
    assert found["second ear, of the first"] == pytest.approx(0.6)
    assert not [what for what in found if "stock nano" in what]  # it was not run


def test_the_report_for_people_and_for_programs(report, tmp_path):
    text = report.to_text()
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert lines["stock-tiny"][:2] != ["stock-tiny", "-"]
    table = next(line.split() for line in text.splitlines() if line.startswith("stock-tiny "))
    assert table[1:6] == ["stock", "sam2.1-tiny", "1024", "px", "random"]
    assert "12/20" in table and "7.5000" in table
    document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    nano = document["rows"][1]
    assert nano["weights"] == "trained" and nano["mask_bytes_per_frame"] == 600
    assert [run["timed_frames"] for run in nano["runs"]] == [12, 12]
    pytest.importorskip("matplotlib")
    plot_bench(report, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_choosing_rows():
    usual = [row.name for row in choose_rows()]
    assert {"stock-tiny", "nano", "tiny-roi", "stock-nano", "ears-2"} <= set(usual)
    assert "nano-5000" not in usual
    assert len(choose_rows(full=True)) == len(ROWS)
    assert [r.name for r in choose_rows(["nano-5*"], own_clip=True)] == ["nano-5000"]
    assert not {"nano-480p", "ears-4"} & {r.name for r in choose_rows(own_clip=True)}
    few = choose_rows(["nano", "stock-tiny"], frames=3)
    assert [row.frames for row in few] == [LEAST_FRAMES, LEAST_FRAMES]
    both = choose_rows(["nano"], devices=("cpu", "cuda"))
    assert [(row.name, row.device) for row in both] == [("nano", "cpu"), ("nano@cuda", "cuda")]
    with pytest.raises(UsageError, match="No row of the benchmark is named 'micro'"):
        choose_rows(["micro"])
    with pytest.raises(UsageError, match="clip of your own"):
        choose_rows(["ears-4"], own_clip=True)


def test_a_clip_has_what_its_prompt_and_truth_say(tmp_path):
    row = Row("r", lines=96, shown=4, frames=12)
    draw_clips(tmp_path, 96, 4, (12,))
    made = drawn_clip(tmp_path, row)
    truth, prompt = MaskTruth.load(made.truth), Prompt.load(made.prompt)
    with Clip.open(made.video) as clip:
        assert (clip.info.width, clip.info.height, len(clip)) == (170, 96, 12)
        prompt.validate(170, 96, 12)
    assert len(prompt.objects) == 4 and len(limited(prompt, 2).objects) == 2
    for n, ear in enumerate(prompt.objects):
        rows, columns = np.nonzero(truth.mask(0, n))
        box = columns.min(), rows.min(), columns.max(), rows.max()
        assert ear.frames[0].box == pytest.approx(box)
        x, y = np.array(list(ear.frames[0].landmarks.values())).mean(0)
        assert truth.mask(0, n)[round(y), round(x)]
    everywhere = sum(truth.mask(11, n).astype(int) for n in range(4))
    assert everywhere.max() == 1  # no two ears in one place
    assert clip_key(row) != clip_key(replace(row, shown=1))


def test_stages_count_what_is_done_and_wait_for_nothing_else():
    now = iter(range(100))
    stages = Stages(clock=lambda: float(next(now)))
    with stages.stage("outer"), stages.stage("inner"):
        pass
    assert stages.seconds == {"inner": 1, "outer": 3} and stages.calls["outer"] == 1
    assert list(stages.each("made", iter("ab"))) == ["a", "b"]
    assert stages.calls["made"] == 3  # the end takes time to find out, too
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with watching(stages, {"first": network[0]}):
        network(ones(1, 2))
    network(ones(1, 2))
    assert stages.calls["first"] == 1 and stages.seconds["first"] == 1
    with pytest.raises(KeyError), stages.stage("failed"):
        raise KeyError
    assert stages.calls["failed"] == 1


def test_stages_that_nobody_asked_for():
    with stage(None, "a"), watching(None, {}):
        assert list(each(None, "b", iter([1, 2]))) == [1, 2]


def test_a_stream_that_is_left_early_is_closed():
    closed = []

    def items():
        try:
            yield from range(5)
        finally:
            closed.append(True)

    stream = each(Stages(), "made", items())
    assert next(stream) == 0
    stream.close()
    assert closed == [True]


def test_a_stopwatch_leaves_out_pauses_and_the_first_frames():
    watch = Stopwatch("cpu", 2.5)
    with watch.paused():
        time.sleep(0.2)
    for _ in range(20):
        watch.tick()
    found = watch.stop(Stages())
    assert (found.frames, found.timed_frames, found.load_seconds) == (20, 12, 2.5)
    assert found.first_mask_seconds <= found.wall_seconds < 0.2 and found.cpu_seconds < 0.2
    assert found.peak_bytes >= found.loaded_bytes > 10e6


def test_small_runs_of_all_kinds(tmp_path):
    """Stock and earvid with trained weights, and inference alone; one that fails stops none."""
    rows = tuple(
        replace(row, lines=180, frames=LEAST_FRAMES)
        for row in choose_rows(["nano", "stock-nano", "nano-alone"])
    )
    bad = replace(rows[0], name="bad", device="mps")
    told, known = [], []
    plan = BenchPlan((bad, *rows), threads=1)
    report = run_bench(plan, tmp_path, told.append, lambda now: known.append(now.to_dict()))
    why = report.failures["bad"]
    assert why.startswith("This machine has no mps device") and "\n" not in why
    assert told[0].startswith("drawing") and told[1:3] == ["bad: 10 frames", f"bad: {why}"]
    assert told[3:] == [f"{r.name}: 10 frames" for r in rows]
    assert [sum(len(row["runs"]) for row in one["rows"]) for one in known] == [0, 1, 2, 3]
    assert [row["error"] for row in known[-1]["rows"]] == [why, None, None, None]
    nano, alone, stock = (report.runs[n][0] for n in ("nano", "nano-alone", "stock-nano"))
    assert nano.j_and_f > 0.85 and stock.j_and_f > 0.5 and alone.j_and_f is None
    assert nano.mask_bytes < nano.stored_bytes and stock.mask_bytes is None
    steps = {"decode", "wait", "track", "landmarks", "write"}
    parts = {"encode", "attend", "decode mask", "memory"}
    assert set(nano.stages) == steps | parts
    assert set(alone.stages) == parts | {"track", "landmarks"}
    assert set(stock.stages) == parts | {"decode"}
    assert sum(alone.stages[part] for part in parts) < alone.stages["track"]
    assert 100e6 < nano.peak_bytes < 3e9
    assert not list(tmp_path.glob("*.zarr")) and not list(tmp_path.glob("tmp*"))


def test_rows_that_failed_are_compared_as_far_as_they_came(report, tmp_path):
    runs = {**report.runs, "nano": report.runs["nano"][:1], "nano-int8": []}
    left = replace(report, runs=runs, failures={"nano": "Too bad.", "nano-int8": "Worse."})
    found = left.comparisons()
    assert found["nano, faster than stock tiny at 1024 px"] == pytest.approx(100)
    assert "int8, faster" not in found
    assert left.to_text().endswith("nano failed: Too bad.\nnano-int8 failed: Worse.")
    json.dumps(left.to_dict(), allow_nan=False)
    pytest.importorskip("matplotlib")
    plot_bench(left, tmp_path / "bench.png")


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "bench", *map(str, arguments)])
    return end.value.code, *capsys.readouterr()


def test_the_verb_on_a_clip_of_ones_own(tmp_path, capsys):
    draw_clips(tmp_path, 120, 1, (14,))
    clip, prompt = tmp_path / "120p-1-14.mp4", tmp_path / "120p-1-14.json"
    arguments = ["--clip", clip, "--rows", "nano-alone", "--frames", 10, "--threads", 1]
    code, _, err = called(capsys, *arguments)
    assert code == 2 and "There is no prompt beside" in err
    code, out, err = called(
        capsys, *arguments, "--prompt", prompt, "--json", "--output", tmp_path / "o"
    )
    assert code == 0 and err.splitlines() == ["earvid: nano-alone: 10 frames"]
    document = json.loads(out)
    assert document["machine"]["clip"] == clip.name and document["rows"][0]["frames"] == 10
    assert json.loads((tmp_path / "o" / "bench.json").read_text()) == document
    assert (tmp_path / "o" / "bench.txt").read_text().count("nano-alone") == 2
    code, out, err = called(capsys, *arguments, "--prompt", prompt, "--output", tmp_path / "o")
    assert code == 2 and not out and "bench.json is there already" in err
    assert json.loads((tmp_path / "o" / "bench.json").read_text()) == document


def test_a_place_for_results_is_looked_at_before_anything_runs(tmp_path, capsys):
    (tmp_path / "file").touch()
    code, out, err = called(capsys, "--rows", "nano", "--output", tmp_path / "file" / "o")
    assert code == 1 and not out and len(err.splitlines()) == 1 and "cannot be used" in err


def test_the_verb_tells_what_failed(tmp_path, capsys, monkeypatch):
    """Once, however often it was to run, and with an exit code of its own."""
    draw_clips(tmp_path, 120, 1, (12,))
    clip, prompt = tmp_path / "120p-1-12.mp4", tmp_path / "120p-1-12.json"
    bad = Row("bad", "alone", frames=10, device="mps")
    monkeypatch.setattr("earvid.evaluate.bench_rows.choose_rows", lambda *_, **__: (bad,))
    arguments = ["--clip", clip, "--prompt", prompt, "--repeat", 3, "--output", tmp_path / "o"]
    code, out, err = called(capsys, *arguments)
    assert code == 3 and "bad failed: This machine has no mps device" in out
    assert [line.split(": ")[1] for line in err.splitlines()] == ["bad", "bad"]
    (row,) = json.loads((tmp_path / "o" / "bench.json").read_text())["rows"]
    assert "no mps device" in row["error"] and not row["runs"]


def test_a_clip_that_is_too_short(tmp_path, capsys):
    draw_clips(tmp_path, 120, 1, (9,))
    clip, prompt = tmp_path / "120p-1-9.mp4", tmp_path / "120p-1-9.json"
    code, _, err = called(capsys, "--clip", clip, "--prompt", prompt, "--rows", "nano-alone")
    assert code == 2 and "has 9 frames from the first keyframe" in err and "needs 10" in err


def test_options_that_make_no_sense_are_told(capsys):
    code, out, _ = called(capsys, "--list")
    assert code == 0 and "stock-tiny" in out and "nano-5000" in out
    code, _, err = called(capsys, "--rows", "micro")
    assert code == 2 and "named 'micro'" in err
    code, _, err = called(capsys, "--prompt", sys.executable)
    assert code == 2 and "--prompt does nothing without --clip" in err
