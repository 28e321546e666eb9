"""From a clip to a store in a bucket, and from there to what people look at."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from apart import begin, pipe
from s3_server import environment

from earvid.batch import Batch, TrackJob, gather
from earvid.cli import main
from earvid.pipeline import TrackSettings, track
from earvid.prompt import prompt_from_options
from earvid.sample import load_truth, sample_path
from earvid.store import Store, compare, store_path
from earvid.video import Clip, VideoWriter

pytestmark = pytest.mark.usefixtures("loaded_once")

FIRST, FRAMES, WIDTH, HEIGHT = 40, 18, 160, 120
SETTINGS = TrackSettings(
    device="cpu", landmarks="none", reentry="nearby", shard_bytes=4 * WIDTH * HEIGHT
)


def ear_box() -> str:
    """The ear on the first frame."""
    rows, columns = np.nonzero(load_truth().masks[FIRST])
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) / 4
    return ",".join(f"{value:.1f}" for value in box)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the sample, made small."""
    path: Path = tmp_path_factory.mktemp("clip") / "ear.mp4"
    with Clip.open(sample_path()) as whole, VideoWriter(path, WIDTH, HEIGHT) as writer:
        for frame in whole.frames(FIRST, FIRST + FRAMES):
            writer.write(cv2.resize(frame.image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    return path


def test_killed_resumed_and_looked_at(
    bucket: str,
    s3_endpoint: str,
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, alone = f"{bucket}/ear.zarr", tmp_path / "alone.zarr"
    kill_in_the_middle(url, s3_endpoint, clip)
    half = Store.open(url)
    assert not half.complete and 0 < half.progress < 1
    prompt = prompt_from_options([("box", ear_box())])
    report = track(clip, prompt, url, settings=SETTINGS)
    assert 0 < report.tracked < FRAMES
    track(clip, prompt, alone, settings=SETTINGS)
    assert compare(url, alone) == []
    monkeypatch.chdir(tmp_path)
    assert json.loads(said(capsys, "show", url, "--json"))["done"] == 1
    assert said(capsys, "export", url, "--to", "csv").strip() == "ear.ears.csv"
    assert len(Path("ear.ears.csv").read_text().splitlines()) > FRAMES
    plan = ["--box", ear_box(), "--landmarks", "none", "--device", "cpu", "--dry-run"]
    assert "would create s3://" in said(capsys, "track", str(clip), "-o", f"{bucket}/b.zarr", *plan)


def kill_in_the_middle(url: str, endpoint: str, clip: Path) -> None:
    ours, theirs = pipe()
    process = begin(track_slowly, clip, url, environment(endpoint), theirs)
    theirs.close()
    while ours.recv() < 10:
        pass
    while not Store.open(url).progress:
        time.sleep(0.05)
    time.sleep(0.5)  # what is in the queue gets there, and the next shard does not
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def track_slowly(clip: Path, url: str, variables: dict[str, str], told: Any) -> None:
    os.environ.update(variables)

    def tell(done: int, total: int) -> None:
        told.send(done)
        if done > 8:
            time.sleep(0.5)

    prompt = prompt_from_options([("box", ear_box())])
    track(clip, prompt, url, settings=SETTINGS, progress=tell)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    out, err = capsys.readouterr()
    assert not end.value.code, err
    return out


def test_a_batch_writes_below_a_prefix(bucket: str, clip: Path, tmp_path: Path) -> None:
    Path(tmp_path / "m.csv").write_text(f'clip,prompt\n{clip},"{ear_box()}"\nnone.mp4,"1,2"\n')
    entries = gather([tmp_path / "m.csv"], store_path(bucket))
    batch = Batch(entries, TrackJob(SETTINGS), workers=1)
    good, bad = batch.run()
    assert (good.state, good.store) == ("tracked", f"{bucket}/ear.earvid.zarr"), good.error
    assert bad.state == "failed" and Store.open(good.store).complete
    assert [result.state for result in batch.look()] == ["complete", "failed"]
