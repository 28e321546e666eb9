"""What is looked at where a command of the documentation cannot be executed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib import import_module

from doc_text import ROOT, pages

CI = ROOT / ".ci" / "run"


def check_nothing(step: Sequence[str]) -> None:
    """There is nothing to look at beyond what the reason says."""


def check_in_ci(step: Sequence[str]) -> None:
    """What runs before a release runs it, too."""
    assert CI.stat().st_mode & 0o111
    assert step[0] in (".ci/run", "pytest") or " ".join(step[:3]) in CI.read_text(), step


def check_extra_exists(step: Sequence[str]) -> None:
    """The package has every extra that is named."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"\[(\w+)\]", " ".join(step))
    assert set(named) <= set(project["optional-dependencies"]), step
    wanted = [word for word in step[2:] if not word.startswith("-")]
    assert any(re.fullmatch(r"(\.|earvid)(\[\w+\])?", word) for word in wanted), step


def check_trunk_package(step: Sequence[str]) -> None:
    """The module that the recipes import is that of the package."""
    module = step[2].partition("==")[0].replace("-", "_")
    assert f"from {module} import" in pages()["checkpoints/MODEL_CARD.md"]


def check_bench(step: Sequence[str]) -> None:
    """All options exist and so do all rows that are named; rows can be listed."""
    from earvid.cli.evaluate_bench import command
    from earvid.evaluate.bench_rows import choose_rows

    with command.make_context("bench", list(step[3:])) as context:
        assert choose_rows(context.params["rows"])
    with command.make_context("bench", ["--list"]) as context:
        assert command.invoke(context) == 0


def check_ray(step: Sequence[str]) -> None:
    """All options exist, the clips are found, and a test types such a command."""
    from earvid.batch import gather
    from earvid.cli.batch import command

    with command.make_context("batch", list(step[2:])) as context:
        assert context.params["engine"] == "ray" and gather(context.params["sources"])
    assert '"--engine", "ray"' in (ROOT / "tests/batch/test_batch_ray.py").read_text()


def check_bucket(step: Sequence[str]) -> None:
    """All options exist, and results go to a bucket, into which a test writes."""
    from earvid.store import RemotePath

    command = import_module(f"earvid.cli.{step[1]}").command
    with command.make_context(step[1], list(step[2:])) as context:
        assert isinstance(context.params["output"], RemotePath)
    written = (ROOT / "tests/store/test_store_s3_track.py").read_text()
    assert {"track": "track(clip, prompt, url", "batch": "Batch(entries"}[step[1]] in written


def check_shard(step: Sequence[str]) -> None:
    """All options exist, and the parts are all of a batch, each clip in one."""
    from earvid.batch import gather, shard
    from earvid.cli.batch import command

    with command.make_context("batch", list(step[2:])) as context:
        entries, count = gather(context.params["sources"]), context.params["part"].split("/")[1]
    parts = [one for k in range(int(count)) for one in shard(entries, f"{k + 1}/{count}")]
    assert sorted(str(one.clip) for one in parts) == sorted(str(one.clip) for one in entries)
