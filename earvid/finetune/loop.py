"""The loop: steps, validations with early stopping, checkpoints, all within a budget."""

from __future__ import annotations

import math
import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from earvid.errors import EarvidError
from earvid.finetune import checkpoint
from earvid.finetune.checkpoint import Progress
from earvid.finetune.engine import Engine
from earvid.finetune.exam import Exam, Marks, answers
from earvid.finetune.gather import Sources, Split, split_data
from earvid.finetune.journal import Journal, Log
from earvid.finetune.module import boxed
from earvid.finetune.report import FinetuneReport, make_report
from earvid.finetune.sampler import Sampler
from earvid.finetune.settings import FinetuneSettings
from earvid.finetune.sheet import draw_sheet, save_masks
from earvid.finetune.start import Start, load_start
from earvid.prefetch import Prefetch
from earvid.train.clips import TrainingClip
from earvid.train.photos import PhotoCache
from earvid.train.step import Batch, collate
from earvid.train.stills import Still

FLOOR = 0.1  # of the peak rate, at the end of the cosine, as in MedSAM2
TELL_EVERY = 30.0  # seconds
MIN_GAIN = 5e-4  # of the score; less is chance
SAMPLE_PHOTOS, SAMPLE_CLIPS = 16, 4


def finetune(
    sources: Sources,
    run: Path,
    settings: FinetuneSettings | None = None,
    *,
    checkpoint: Path | None = None,
    log: Log = print,
) -> FinetuneReport:
    """Fine-tune a model on ears of one's own; a run that is in the folder goes on.

    Args:
        sources: where the data lies.
        run: folder of ``weights.safetensors`` or ``weights.pt`` (the best so far), ``last.pt``,
            ``log.jsonl``, ``samples/`` and ``report.json``.
        settings: how to train.
        checkpoint: weights to start from, instead of those of the zoo.
        log: receives one line of text at a time.

    Returns:
        The marks on held-out subjects before and after, and where the weights are.

    Raises:
        EarvidError: something about data, model or folder does not fit; one sentence says what.
    """
    settings = settings or FinetuneSettings()
    split = split_data(sources, settings)
    start = load_start(settings, checkpoint)
    return Finetuner(run, settings, start, split, log).fit()


class Finetuner:
    """One run in a folder, new or gone on with.

    Args:
        run: the folder.
        settings: how to train.
        start: the model.
        split: the data.
        log: receives one line of text at a time.

    Raises:
        EarvidError: the folder holds another run, or `accelerate` is missing.
    """

    def __init__(
        self, run: Path, settings: FinetuneSettings, start: Start, split: Split, log: Log = print
    ) -> None:
        self.run, self.settings, self.start, self.split = run, settings, start, split
        self.progress = Progress()
        self._engine = Engine(start.model, settings)
        self._journal = Journal(run, log if self._engine.is_main else None)
        cache: PhotoCache[Still] = PhotoCache(settings.cache_bytes)
        side = int(start.model.image_size)
        self._sampler = Sampler(split, settings, side, cache)
        self._exam = Exam(split.held, settings.is_video, side, cache)
        self._replay_exam = Exam(split.replay_held, settings.is_video, side, cache)
        self._clock = time.monotonic()
        self._marks = checkpoint.fingerprint(settings, start, split, self._engine.processes)
        self._open()

    def _open(self) -> None:
        try:
            (self.run / "samples").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EarvidError(
                f"{self.run} cannot be a folder ({error.strerror}); choose another."
            ) from error
        state = checkpoint.read(self.run, self._marks)
        if state is not None:
            self.progress = state["progress"]
            self._engine.restore(state, self.run / checkpoint.FILE)
            self._journal.resumed(self.progress)
        else:
            self._save()  # from now on the folder is known to be this run's
            self._journal.gathered(self.split, self.settings)
        self.progress = self._engine.agree(self.progress)

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, now or in an earlier session."""
        return bool(self.progress.ended)

    def fit(self) -> FinetuneReport:
        """Train until the budget is used up or nothing gets better."""
        # Gradients of saturated masks are full of denormals, which cost a CPU dearly.
        torch.set_flush_denormal(True)
        self._clock = time.monotonic()
        try:
            self._begin()
            if not self.is_over:
                self._train()
        finally:
            torch.set_flush_denormal(False)
        if self._engine.is_main:
            return make_report(self.run, self.start, self.settings, self.split, self.progress)
        weights = self.run / self.start.file_name
        return FinetuneReport(weights, None, self.progress, {})

    def _begin(self) -> None:
        """Examine the weights of the start: they are the best until others are better."""
        p = self.progress
        if p.step or p.before is not None or not self._exam:
            return
        if self._engine.is_main:
            self._draw(first=True)
            p.before = p.best = self._examine(self._exam)
            p.replay_before = p.replay_best = self._examine(self._replay_exam)
            self._journal.started(p)
            self._keep_best()
            self._save()
        self.progress = self._engine.agree(p)

    def _train(self) -> None:
        saved = told = time.monotonic()
        recent: list[dict[str, float]] = []
        self._engine.train_mode()
        with self._batches() as batches:
            for clips in batches:
                means = self._step(clips)
                recent.append(means)
                if time.monotonic() - told > TELL_EVERY:
                    self._journal.trained(self.progress, recent)
                    told, recent = time.monotonic(), []
                if self._look_is_due():
                    self._look()
                    saved = time.monotonic()
                elif time.monotonic() - saved > self.settings.save_every:
                    self._save()
                    saved = time.monotonic()
                if self.is_over:
                    break
        if recent:
            self._journal.trained(self.progress, recent)

    def _batches(self) -> Prefetch[list[list[TrainingClip]]]:
        """Batches of this process by step, so that a resumed run sees what it would have seen."""
        size, parts = self.settings.clips_per_pass, self.settings.accumulate
        ranks, rank = self._engine.processes, self._engine.rank
        return Prefetch(
            (
                [
                    self._sampler.batch((step * parts + part) * ranks + rank, size)
                    for part in range(parts)
                ]
                for step in count(self.progress.step)
            ),
            depth=2,
        )

    def _step(self, parts: list[list[TrainingClip]]) -> dict[str, float]:
        p, s = self.progress, self.settings
        key = (s.seed, 12, p.step, self._engine.rank)
        rng = np.random.default_rng(key)
        # Dropout too must not know whether the run was interrupted.
        torch.manual_seed(int(rng.integers(2**62)))
        self._engine.set_rates(rate(p.share(s), p.step, s.warm_up))
        batches = [_batch(clips, rng, s.is_video) for clips in parts]
        means = self._engine.step(batches, rng if s.is_video else None)
        self._count_time()
        p.step += 1
        p.skipped = 0 if means is not None else p.skipped + 1
        if p.skipped > 50:
            raise EarvidError(
                "The gradients are not finite any more; start a new run with a lower "
                "--learning-rate, or --precision no."
            )
        return means or {}

    def _count_time(self) -> None:
        """Add what has passed to the budget's use; validations and waiting for data count too."""
        now = time.monotonic()
        self.progress.elapsed = self._engine.agree(self.progress.elapsed + now - self._clock)
        self._clock = now

    def _look_is_due(self) -> bool:
        share = self.progress.share(self.settings)
        return share >= (self.progress.looks + 1) / self.settings.looks or share >= 1

    def _look(self) -> None:
        """Examine, keep the weights if they are the best, and save."""
        p, s = self.progress, self.settings
        # A slow validation must not be followed by the next at once.
        p.looks = max(p.looks + 1, math.floor(p.share(s) * s.looks))
        if self._engine.is_main:
            self._judge()
            if p.share(s) >= 1:
                p.ended = "budget"
            elif self._exam and s.patience and p.stale >= s.patience:
                p.ended = "no progress"
            self._save()
        self.progress = self._engine.agree(p)
        self._engine.train_mode()

    def _judge(self) -> None:
        p = self.progress
        if not self._exam:
            self._keep_best()
            return
        found = self._examine(self._exam)
        replay = self._examine(self._replay_exam)
        assert found is not None and p.best is not None
        p.stale += 1
        if found["score"] >= p.best["score"] + MIN_GAIN:
            p.best, p.best_step, p.replay_best, p.stale = found, p.step, replay, 0
            self._keep_best()
        self._journal.validated(p, found, replay)
        self._draw()

    def _examine(self, exam: Exam) -> dict[str, Any] | None:
        if not exam:
            return None
        marks: Marks = exam.take(self._engine.model, self._engine.device)
        return marks.to_dict()

    def _draw(self, *, first: bool = False) -> None:
        questions = self._exam.samples(SAMPLE_PHOTOS, SAMPLE_CLIPS)
        found = list(answers(self._engine.model, questions, self._engine.device))
        folder = self.run / "samples"
        if first:
            save_masks(folder / "before.npz", found)
        else:
            draw_sheet(folder / f"{self.progress.step:06d}.png", folder / "before.npz", found)

    def _keep_best(self) -> None:
        notes = {
            **self.start.notes,
            "finetuned": self.settings.recipe,
            "steps": self.progress.step,
        }
        weights = self._engine.model.state_dict()
        self.start.save(self.run / self.start.file_name, weights, notes)

    def _save(self) -> None:
        if self._engine.is_main:
            checkpoint.write(self.run, self.progress, self._marks, self._engine.state())


def rate(share: float, step: int, warm_up: int) -> float:
    """Learning rate over its peak: a linear rise, and half a cosine down to :data:`FLOOR`."""
    rise = min(1.0, (step + 1) / max(1, warm_up))
    return rise * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * share)))


def _batch(clips: list[TrainingClip], rng: np.random.Generator, is_video: bool) -> Batch:
    return collate(clips, rng, middle_share=0.3) if is_video else boxed(clips, rng)
