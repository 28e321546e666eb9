"""Batches on a Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
from clips import FRAMES, HEIGHT, WIDTH, ear_box, ten_clips, write_manifest

from earvid.batch import Batch, RayCluster, TrackJob, gather
from earvid.batch.ray_connection import LOOPBACK
from earvid.batch.share import Shares, share_cluster
from earvid.cli import main
from earvid.errors import ModelError, UsageError
from earvid.pipeline import TrackSettings, track
from earvid.prompt import prompt_from_options
from earvid.store import Store, compare

SETTINGS = TrackSettings(device="cpu", landmarks="none", shard_bytes=4 * WIDTH * HEIGHT)
SHARDS = FRAMES // 4
JOB = TrackJob(SETTINGS)
CLIP_NAME = ["/", "tracks"]  # what differs between stores of two clips that are equal but in name
# A node that does not answer for a second is dead; by default it is half a minute.
HASTY = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 2,
}
# Nothing beside the cluster that would watch it.
LEAN = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}


@pytest.fixture(scope="module")
def ray():
    """The library, which starts no cluster and tells nobody that it is used."""
    os.environ.update(LOOPBACK, RAY_USAGE_STATS_ENABLED="0")
    return pytest.importorskip("ray", reason="needs Ray: pip install 'earvid[batch]'")


@pytest.fixture
def cluster(ray):
    """Two nodes of one core each, of which the second one can be killed."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "_system_config": HASTY, **LEAN}
    made = Cluster(initialize_head=True, head_node_args=head)
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
    finished = {}

    def note(result):
        if result.error is None:
            finished[result.store] = changes(result.store)

    engine = RayCluster(cluster.address)
    batch = Batch(gather([manifest]), JOB, engine=engine, told=note)
    over = threading.Event()
    with ThreadPoolExecutor(1) as aside:
        killed = aside.submit(kill_in_the_middle, cluster, tmp_path, over)
        try:
            results = batch.run()
        finally:
            over.set()
    assert killed.result(), "the second node was never seen in the middle of a clip"
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
    assert {one.state for one in left} == {"complete", "failed"}


def kill_in_the_middle(cluster, folder, over):
    """Kill the second node once its worker has done some of a clip, but not all; whether it was."""
    (node,) = cluster.worker_nodes
    raylet = node.all_processes["raylet"][0].process.pid
    while not over.wait(0.01):
        for lock in folder.glob("*.zarr/state/lock"):
            for worker in holders(lock, raylet):
                os.kill(worker, signal.SIGSTOP)  # or else it might end before its node does
                if is_in_work(lock.parent.parent) and worker in holders(lock, raylet):
                    cluster.remove_node(node, allow_graceful=False)
                    os.kill(worker, signal.SIGKILL)
                    return True
                os.kill(worker, signal.SIGCONT)
    return False


def holders(lock, parent):
    """Numbers of the children of a process that have a file open."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = int((process / "stat").read_text().rpartition(")")[2].split()[1]) == parent
            if ours and any(link.readlink() == lock for link in (process / "fd").iterdir()):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def is_in_work(store):
    """Whether some of a clip's shards are done."""
    return 0 < len(list(store.glob("tracks/status/c/*"))) < SHARDS


def changes(store):
    """When each file of a store was last written."""
    return {str(path): path.stat().st_mtime_ns for path in Path(store).rglob("*")}


TYPED = ["batch", "clips/m.csv", "--engine", "ray", "--workers", "1", "--device", "cpu"]
TYPED += ["--landmarks", "none", "--json", "--summary", "s.json"]


def test_ctrl_c_and_again_with_a_cluster_of_its_own(ray, tmp_path, good, monkeypatch, capfd):
    """It listens on loopback, nothing is left of it, and relative paths are the caller's."""
    (tmp_path / "clips").mkdir()
    for name in ("a", "b"):
        shutil.copy(good, tmp_path / "clips" / f"{name}.mp4")
    (tmp_path / "clips" / "bad.mp4").write_text("no video")
    rows = [("a.mp4", ear_box()), ("b.mp4", ear_box()), ("bad.mp4", "1,2")]
    write_manifest(tmp_path / "clips" / "m.csv", rows)

    process = start(tmp_path)
    wait_for(lambda: list(tmp_path.glob("clips/*.zarr/tracks/status/zarr.json")), process)
    hosts = listening(processes_in(tmp_path))
    assert hosts and all(host.is_loopback for host in hosts), hosts
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "Traceback" not in err and "run the same command again" in ours(err)[-1]
    wait_for(lambda: not processes_in(tmp_path))
    summary = json.loads((tmp_path / "s.json").read_text())
    assert "stopped" in {row["state"] for row in summary}
    assert not list(tmp_path.glob("clips/*.zarr/state/lock"))

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with chdir(tmp_path), pytest.raises(SystemExit) as end:
        main(TYPED)
    out, err = capfd.readouterr()
    assert end.value.code == 3, err
    rows = json.loads(out)
    assert [row["error"] is None for row in rows] == [True, True, False]
    assert rows[1]["state"] == "tracked" and rows[0]["store"] == "clips/a.earvid.zarr"
    assert len(ours(err)) == 3, err
    wait_for(lambda: not processes_in(tmp_path))


def ours(err):
    """Lines of earvid, among which Ray tells what it thinks of the machine."""
    return [line for line in err.splitlines() if line.startswith("earvid: ")]


def start(folder):
    """Start a batch with one worker and a cluster of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "earvid.cli", *TYPED],
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


def listening(processes):
    """Addresses at which processes wait for connections."""
    inodes = set()
    for number in processes:
        for link in Path(f"/proc/{number}/fd").glob("*"):
            with suppress(OSError):
                inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    text = "".join(file.read_text() for file in Path("/proc/net").glob("tcp*"))
    rows = [row.split() for row in text.splitlines()]
    return [as_address(row[1]) for row in rows if row[3] == "0A" and row[9] in inodes]


def as_address(text):
    """An address as the kernel writes it: numbers of 32 bits in the machine's order, and a port."""
    data = bytes.fromhex(text.partition(":")[0])
    words = [
        data[n : n + 4][:: -1 if sys.byteorder == "little" else 1] for n in range(0, len(data), 4)
    ]
    address = ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address


def test_no_cluster_answers(ray, good):
    batch = Batch(gather([good]), JOB, engine=RayCluster("127.0.0.1:9"))
    with pytest.raises(UsageError, match=r"No Ray cluster answers at 127\.0\.0\.1:9"):
        batch.run()


def test_a_gpu_that_nobody_has(ray, monkeypatch, good):
    """Ray would wait for one without end."""
    import torch

    job = TrackJob(TrackSettings(device="cuda"))
    with pytest.raises(UsageError, match="No node of the Ray cluster has a GPU"):
        share_cluster([{"CPU": 8.0}, {"CPU": 8.0, "GPU": 0.0}], "cuda", None, clips=1)
    if not torch.cuda.is_available():
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        with pytest.raises(ModelError, match="This machine has no cuda device"):
            Batch(gather([good]), job, engine=RayCluster())


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
