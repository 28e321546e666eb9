"""What a model learns from: crops drawn from the data, the same for the same number."""

from __future__ import annotations

import numpy as np

from earvid.finetune.crops import photo_clip, track_clip
from earvid.finetune.gather import Collection, Split
from earvid.finetune.settings import FinetuneSettings
from earvid.train.clips import ClipMaker, ClipSettings, TrainingClip
from earvid.train.photos import LazyStill, PhotoCache
from earvid.train.stills import Still

_DATA, _REPLAY = 0, 1


class Sampler:
    """Draws training clips; deterministic in ``(seed, index)``.

    Args:
        split: the data.
        settings: the recipe and the shares of the mix.
        side: of the model's input.
        cache: keeps decoded photos.
    """

    def __init__(
        self, split: Split, settings: FinetuneSettings, side: int, cache: PhotoCache[Still]
    ) -> None:
        self._settings = settings
        self._data = _Pool(split.train, settings, side, cache, _DATA)
        replay = split.replay
        self._replay = _Pool(replay, settings, side, cache, _REPLAY) if replay.photos else None

    def batch(self, index: int, size: int) -> list[TrainingClip]:
        """Draw batch number ``index``."""
        return [self.clip(index * size + i) for i in range(size)]

    def clip(self, index: int) -> TrainingClip:
        """Draw clip number ``index``: a single frame, for the image recipe."""
        rng = np.random.default_rng((self._settings.seed, 11, index))
        replayed = self._replay is not None and rng.random() < self._settings.replay_share
        pool = self._replay if self._replay is not None and replayed else self._data
        return pool.clip(index, rng)


class _Pool:
    """Photos and stretches that are drawn from alike."""

    def __init__(
        self,
        data: Collection,
        settings: FinetuneSettings,
        side: int,
        cache: PhotoCache[Still],
        number: int,
    ) -> None:
        self._settings, self._side, self._cache = settings, side, cache
        self._stills = [LazyStill(photo, side, cache) for photo in data.photos]
        self._tracks = data.tracks
        made = ClipSettings(side=side, length=settings.length)
        self._maker = ClipMaker(self._stills, made, seed=settings.seed * 2 + number)

    def clip(self, index: int, rng: np.random.Generator) -> TrainingClip:
        s = self._settings
        if not s.is_video:
            return self._photo(rng)
        if self._tracks and rng.random() < s.real_share:
            track = self._tracks[rng.integers(len(self._tracks))]
            return track_clip(track, s.length, self._side, self._cache, rng)
        return self._maker.clip(index)

    def _photo(self, rng: np.random.Generator) -> TrainingClip:
        still = self._stills[rng.integers(len(self._stills))]
        return photo_clip(still, int(rng.integers(len(still.ears))), self._side, rng)
