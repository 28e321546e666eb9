"""Batches on a Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clips import FRAMES, HEIGHT, WIDTH, ear_box, ten_clips, write_manifest

from earvid.batch import Batch, RayCluster, TrackJob, gather
from earvid.batch.ray_connection import LOOPBACK
from earvid.batch.share import Shares, share_cluster
from earvid.errors import UsageError
from earvid.pipeline import TrackSettings, track
from earvid.prompt import prompt_from_options
from earvid.store import Store, compare

SETTINGS = TrackSettings(device="cpu", landmarks="none", shard_bytes=4 * WIDTH * HEIGHT)
JOB = TrackJob(SETTINGS)
CLIP_NAME = ["/", "tracks"]  # what differs between stores of two clips that are equal but in name
# A node that does not answer for a second is dead; by default it is half a minute.
HASTY = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 2,
}


@pytest.fixture(scope="module")
def ray():
    """The library, which starts no cluster and tells nobody that it is used."""
    os.environ.update(LOOPBACK, RAY_USAGE_STATS_ENABLED="0")
    return pytest.importorskip("ray", reason="needs Ray: pip install 'earvid[batch]'")


@pytest.fixture
def cluster(ray):
    """Two nodes of one core each, of which the second one can be killed."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args={**head, "_system_config": HASTY})
    made.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def test_a_node_is_killed_and_nothing_is_lost_or_done_twice(cluster, tmp_path, good):
    manifest, sentences = ten_clips(tmp_path, good)
    more = [tmp_path / f"more{n}.mp4" for n in range(4)]
    for path in more:
        shutil.copy(good, path)
    manifest.write_text(
        manifest.read_text() + "".join(f'{path.name},"{ear_box()}",,\n' for path in more)
    )
    sentences += [None] * len(more)
    killed, finished = [], {}

    def kill(_):
        """As soon as both nodes are in the middle of a clip."""
        if not killed and sum(is_in_work(store) for store in tmp_path.glob("*.zarr")) == 2:
            killed.append(cluster.worker_nodes.copy().pop())
            cluster.remove_node(killed[0], allow_graceful=False)

    def note(result):
        if result.error is None:
            finished[result.store] = changes(result.store)

    engine = RayCluster(cluster.address)
    batch = Batch(gather([manifest]), JOB, engine=engine, progress=kill, told=note)
    results = batch.run()
    assert len(killed) == 1
    for result, sentence in zip(results, sentences, strict=True):
        if sentence is not None:
            assert result.state == "failed" and sentence in result.error
        else:
            assert (result.state, result.error, result.frames) == ("tracked", None, FRAMES)
            assert Store.open(result.store).complete
    assert sorted(result.attempts for result in results) == [1] * (len(results) - 1) + [2]
    assert all(changes(store) == before for store, before in finished.items())
    alone = tmp_path / "alone.zarr"
    track(good, prompt_from_options([("box", ear_box())]), alone, settings=SETTINGS)
    for path in (tmp_path / "a.mp4", *more):
        assert compare(path.with_suffix(".earvid.zarr"), alone) == CLIP_NAME
    left = Batch(gather([manifest]), JOB, engine=engine).look()
    assert {one.state for one in left} == {"skip", "failed"}


def is_in_work(store):
    """Whether some of a clip's frames are done, and it is locked."""
    lock, first = store / "state" / "lock", store / "tracks" / "status" / "c" / "0"
    return lock.exists() and first.exists()


def changes(store):
    """When each file of a store was last written."""
    return {str(path): path.stat().st_mtime_ns for path in Path(store).rglob("*")}


def test_ctrl_c_and_again_with_a_cluster_of_its_own(ray, tmp_path, good):
    """Nothing is left of the cluster, and relative paths are those of the caller."""
    (tmp_path / "clips").mkdir()
    for name in ("a", "b"):
        shutil.copy(good, tmp_path / "clips" / f"{name}.mp4")
    (tmp_path / "clips" / "bad.mp4").write_text("no video")
    rows = [("a.mp4", ear_box()), ("b.mp4", ear_box()), ("bad.mp4", "1,2")]
    write_manifest(tmp_path / "clips" / "m.csv", rows)

    process = start(tmp_path)
    wait_for(lambda: list(tmp_path.glob("clips/*.zarr/tracks/status/zarr.json")), process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "Traceback" not in err and "run the same command again" in err.splitlines()[-1]
    wait_for(lambda: not processes_in(tmp_path))
    summary = json.loads((tmp_path / "s.json").read_text())
    assert "stopped" in {row["state"] for row in summary}
    assert not list(tmp_path.glob("clips/*.zarr/state/lock"))

    process = start(tmp_path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 3, err
    rows = json.loads(out)
    assert [row["error"] is None for row in rows] == [True, True, False]
    assert rows[1]["state"] == "tracked" and rows[0]["store"] == "clips/a.earvid.zarr"
    assert len([line for line in err.splitlines() if line.strip()]) == 3, err
    wait_for(lambda: not processes_in(tmp_path))


def start(folder):
    """Start a batch with one worker and a cluster of its own."""
    typed = ["batch", "clips/m.csv", "--engine", "ray", "--workers", "1", "--device", "cpu"]
    more = ["--landmarks", "none", "--json", "--summary", "s.json"]
    return subprocess.Popen(
        [sys.executable, "-m", "earvid.cli", *typed, *more],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "RAY_ADDRESS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, process=None):
    for _ in range(1200):
        if condition():
            return
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("nothing happened")


def processes_in(folder):
    """Numbers of the processes that work in a folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == folder:
                found.append(link.parent.name)
        except OSError:
            continue
    return found


def test_no_cluster_answers(ray, good):
    batch = Batch(gather([good]), JOB, engine=RayCluster("127.0.0.1:9"))
    with pytest.raises(UsageError, match=r"No Ray cluster answers at 127\.0\.0\.1:9"):
        batch.run()


def test_without_ray(monkeypatch, good):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'earvid\[batch\]'"):
        Batch(gather([good]), JOB, engine=RayCluster())


@pytest.mark.parametrize(
    ("nodes", "device", "workers", "shares"),
    [
        ([(8, 0), (8, 0)], "auto", None, Shares(4, 4, 0.0)),
        ([(8, 0), (2, 0)], "cpu", None, Shares(3, 2, 0.0)),
        ([(1, 0), (1, 0)], "auto", None, Shares(2, 1, 0.0)),
        ([(8, 0)], "cpu", 3, Shares(3, 2, 0.0)),
        ([(8, 0)], "cpu", 50, Shares(8, 1, 0.0)),
        ([(16, 2), (16, 2), (64, 0)], "auto", None, Shares(4, 8, 1.0)),
        ([(16, 2)], "cuda", 4, Shares(4, 4, 0.5)),
        ([(16, 2)], "cpu", None, Shares(4, 4, 0.0)),
        ([(0, 0)], "auto", None, Shares(1, 1, 0.0)),
    ],
)
def test_a_cluster_is_shared_out(nodes, device, workers, shares):
    plain = [{"CPU": float(cpus), "GPU": float(gpus)} for cpus, gpus in nodes]
    assert share_cluster(plain, device, workers, clips=100) == shares
    assert share_cluster(plain, device, workers, clips=1).workers == 1
