"""Data of all kinds, read as it was written, or refused in one sentence."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from ear_data import FRAMES, HEIGHT, WIDTH, settings, write_coco, write_folder, write_store
from hypothesis import given
from hypothesis import strategies as st

from earvid.errors import EarvidError, StoreError, UsageError, VideoError
from earvid.finetune import Sources, split_data, stores, subject_of
from earvid.finetune.coco import _unpacked
from earvid.finetune.crops import choose_frames, photo_clip, track_clip
from earvid.finetune.gather import gather
from earvid.finetune.stores import stretches
from earvid.finetune.subjects import held_subjects, share_of
from earvid.finetune.tally import tell_data
from earvid.train import ClipMaker, ClipSettings, Still
from earvid.train.photos import LazyStill, PhotoCache, reduced


def gathered(*paths, images=None, clips=None, **values):
    chosen = settings(**values)
    return gather(paths, Sources(paths, (), images, clips), chosen)


def photo_image(people, name="p0"):
    return people[name][0]


@pytest.fixture
def coco(tmp_path, people):
    """A function that writes a COCO file about one photo, with some annotations."""
    image, _ = photo_image(people)
    cv2.imwrite(str(tmp_path / "p0_0.png"), image[..., ::-1])

    def write(*shapes, size=(WIDTH, HEIGHT), name="p0_0.png", **more):
        about = [{"id": 7, "file_name": name, "width": size[0], "height": size[1]}]
        notes = [
            {"id": n, "image_id": 7, "category_id": 1, "segmentation": shape}
            for n, shape in enumerate(shapes)
        ]
        return write_coco(tmp_path / "ears.json", about, notes, **more)

    return write


def plain_counts(mask):
    flat = mask.flatten(order="F").astype(int)
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return counts if flat[0] == 0 else [0, *counts]


def test_both_kinds_of_run_lengths_read_as_the_mask(coco, people):
    from pycocotools import mask as coder

    image, mask = photo_image(people)
    packed = coder.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    for counts in (plain_counts(mask), packed):
        (photo,) = gathered(coco({"size": [HEIGHT, WIDTH], "counts": counts})).photos
        still = photo.load()
        assert len(still.ears) == 1 and np.array_equal(still.ears[0] > 0, mask)
        assert np.array_equal(still.image, image) and photo.subject == "p0"


def test_polygons_read_as_the_mask(coco, people):
    _, mask = photo_image(people)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outlines = [(c + 0.5).flatten().tolist() for c in contours]
    other = [10, 10, 25, 10, 25, 25, 10, 25]
    (photo,) = gathered(coco(outlines, [other])).photos
    ear, square = photo.load().ears  # one per annotation
    agree = ((ear > 0) & mask).sum() / ((ear > 0) | mask).sum()
    assert agree > 0.9 and (square > 0).sum() == 15 * 15


@given(counts=st.lists(st.integers(1, 900), min_size=1, max_size=30))
def test_packed_run_lengths_unpack(counts):
    from pycocotools import mask as coder

    pixels = sum(counts)
    rle = coder.frPyObjects({"size": [pixels, 1], "counts": counts}, pixels, 1)
    assert _unpacked(rle["counts"]) == counts


def test_broken_coco_files_are_named(tmp_path, coco, people):
    _, mask = photo_image(people)
    counts = plain_counts(mask)
    size = [HEIGHT, WIDTH]
    good = {"size": size, "counts": counts}
    two = [{"id": 1, "name": "ear"}, {"id": 2, "name": "nose"}]
    for path, words in (
        (lambda: coco(good, name="gone.png"), "'gone.png' of .* is not in"),
        (lambda: coco({**good, "size": [9, 9]}, size=(9, 9)), r"do not fill its image"),
        (lambda: coco([[1, 1, 9, 1, 9, 9]], size=(50, 50)), r"96x80 pixels, but .* on 50x50|No ph"),
        (lambda: coco([[1, 1, 400, 1, 400, 60]]), "Annotation 0 .* lies outside"),
        (lambda: coco({**good, "size": [9, 9]}), "outside an image"),
        (lambda: coco({"size": size, "counts": counts[:-1]}), "do not fill"),
        (lambda: coco({"size": size, "counts": "zz"}), "do not fill"),
        (lambda: coco([[1, 2, 3]]), "at least three points"),
        (lambda: coco([["a", 2, 3, 4, 5, 6]]), "at least three points"),
        (lambda: coco("none"), "no polygon and no run lengths"),
        (lambda: coco(good, categories=two), "several categories"),
        (lambda: coco(), "No photo in the data"),
        (lambda: write_coco(tmp_path / "x.json", [], [{"id": 1, "image_id": 5}]), "no image of"),
        (lambda: write_coco(tmp_path / "x.json", [{"id": 1}], []), "No photo"),
        (lambda: write_coco(tmp_path / "x.json", 3, []), "no COCO file"),
        (lambda: tmp_path / "absent.json", "cannot be read"),
    ):
        with pytest.raises(EarvidError, match=words) as caught:
            gathered(path())
        assert "\n" not in str(caught.value)
    (tmp_path / "torn.json").write_text('{"images": [')
    with pytest.raises(EarvidError, match="no JSON"):
        gathered(tmp_path / "torn.json")
    assert gathered(coco(good, categories=two), category="ear").photos
    with pytest.raises(UsageError, match="no category 'eye'; it has ear, nose"):
        gathered(coco(good, categories=two), category="eye")


def test_photos_elsewhere(tmp_path, coco, people):
    _, mask = photo_image(people)
    path = coco({"size": [HEIGHT, WIDTH], "counts": plain_counts(mask)})
    (tmp_path / "other").mkdir()
    (tmp_path / "p0_0.png").rename(tmp_path / "other" / "p0_0.png")
    with pytest.raises(EarvidError, match="--images"):
        gathered(path)
    assert len(gathered(path, images=tmp_path / "other").photos) == 1


def test_folders_that_do_not_fit_are_named(tmp_path, people):
    root = write_folder(tmp_path / "d", {"p0": people["p0"]})
    mask = root / "masks" / "p0_0.png"
    cv2.imwrite(str(mask), np.full((9, 9), 255, np.uint8))
    with pytest.raises(EarvidError, match=r"p0_0.png is 9x9 pixels and its photo is 96x80"):
        gathered(root)
    mask.write_text("none")
    with pytest.raises(EarvidError, match="cannot be read as an image"):
        gathered(root)
    cv2.imwrite(str(mask), np.zeros((HEIGHT, WIDTH), np.uint8))
    assert [p.name for p in gathered(root).photos] == ["d/p0_1"]  # the other shows no ear
    (root / "images" / "p0_1.png").write_text("none")
    with pytest.raises(EarvidError, match=r"p0_1\.png cannot be read"):
        gathered(root)
    (tmp_path / "empty").mkdir()
    for path, words in (
        (tmp_path / "empty", "no training folder"),
        (tmp_path / "absent", "does not exist"),
        (mask, "neither a store"),
    ):
        with pytest.raises(EarvidError, match=words):
            gathered(path)


def test_a_store_gives_its_corrected_frames_and_its_good_ones(tmp_path, clip_frames):
    status = [1, 2, 2, 2, 1, 1, 1, 1, 1, 2]
    score = [0.2, 0.2, 0.2, 0.99, 0.2, 0.95, 0.2, 0.2, 0.2, np.nan]
    path = write_store(tmp_path / "s", "walk", clip_frames, status, score)
    found = gathered(path)
    assert [photo.frame for photo in found.photos] == [1, 2, 3, 5, 9]
    (track,) = found.tracks
    assert track.frames == (1, 2, 3, 5, 9) and track.subject == "walk"
    (source,) = found.stores
    assert source.corrected == {1, 2, 3, 9} and source.scored == {5}
    still = found.photos[1].load()
    assert np.array_equal(still.ears[0] > 0, clip_frames[2][1])
    assert np.abs(still.image.astype(int) - clip_frames[2][0]).mean() < 6  # it is that frame


def test_only_the_ears_that_were_corrected_are_by_hand(tmp_path, clip_frames):
    """Of two ears one was prompted anew on frame 4, and neither is well scored there."""
    status, score = [1] * FRAMES, [0.99] * FRAMES
    status[4] = status[7] = 2
    score[4] = score[7] = 0.1
    corrections = [{"keyframes": {"left": [4]}}, {"keyframes": {"right": [7]}}]
    path = write_store(
        tmp_path / "s", "walk", clip_frames, status, score, ears=2, corrections=corrections
    )
    (source,) = gathered(path).stores
    assert source.by_hand == {1: {4}, 2: {7}}
    others = [t for t in range(FRAMES) if t not in (4, 7)]
    assert source.frames == {1: sorted([*others, 4]), 2: sorted([*others, 7])}


def test_corrected_frames_are_never_left_out_for_others(tmp_path, clip_frames, monkeypatch):
    monkeypatch.setattr(stores, "STILLS_PER_STORE", 4)
    status = [1, 1, 2, 1, 1, 1, 1, 2, 1, 1]
    path = write_store(tmp_path / "s", "walk", clip_frames, status, [0.99] * FRAMES)
    chosen = [photo.frame for photo in gathered(path).photos]
    assert len(chosen) == 4 and {2, 7} < set(chosen)


def test_without_corrections_scores_decide(tmp_path, clip_frames):
    score = [0.99, 0.95, 0.2, np.nan, 0.91, 0.99, 0.5, 0.5, 0.5, 0.5]
    path = write_store(tmp_path / "s", "walk", clip_frames, [1] * FRAMES, score)
    assert [photo.frame for photo in gathered(path).photos] == [0, 1, 4, 5]
    assert [photo.frame for photo in gathered(path, min_score=0.95).photos] == [0, 1, 5]
    low = write_store(tmp_path / "t", "walk", clip_frames, [1] * FRAMES, [0.3] * FRAMES)
    with pytest.raises(StoreError, match="lower --min-score"):
        gathered(low)


def test_how_much_there_is_of_what_is_told(tmp_path, photos, clip_frames):
    score = [0.99] * 3 + [0.5] * (FRAMES - 3)
    path = write_store(tmp_path / "s", "walk", clip_frames, [1, 2] + [1] * (FRAMES - 2), score)
    chosen = settings(hold_out=("ears/p0*",))
    train, held, replay, nobody = tell_data(split_data(Sources([photos], [path]), chosen), chosen)
    assert train == "to learn from: 6 photos of 3 subjects"
    assert held == "held out: 2 photos of 1 subject"
    assert replay == (
        "replay: 3 photos of 1 subject, among them frames of 1 clip with 1 frame corrected by hand "
        "and 2 others scored at least 0.9"
    )
    assert "nobody" in nobody and "not measured" in nobody


def test_a_replay_of_which_nothing_is_left_is_refused(tmp_path, photos, people):
    again = write_folder(tmp_path / "again", {"p0": people["p0"]})
    with pytest.raises(UsageError, match=r"Everybody in the replay \(p0\) is held out"):
        split_data(Sources([photos], [again]), settings(hold_out=("ears/p0*",)))
    split = split_data(Sources([photos], [again]), settings(hold_out=("ears/p1*",)))
    assert len(split.replay.photos) == 2


def test_a_pattern_tells_subjects_in_clips_too(photos):
    (first, *_) = gathered(photos, subject=r"_(\d)").photos
    assert LazyStill(first, 64, PhotoCache()).subject == first.subject == "0"


def test_a_clip_that_is_gone_or_another(tmp_path, clip_frames, people):
    path = write_store(tmp_path / "s", "walk", clip_frames, [2] * FRAMES)
    clip = tmp_path / "s" / "walk.mp4"
    (tmp_path / "moved").mkdir()
    clip.rename(tmp_path / "moved" / "walk.mp4")
    with pytest.raises(EarvidError, match="--clips"):
        gathered(path)
    assert gathered(path, clips=tmp_path / "moved").tracks
    write_store(tmp_path / "o", "walk", people["p0"] * 5, [2] * FRAMES)
    with pytest.raises(EarvidError, match="not the clip"):
        gathered(path, clips=tmp_path / "o")
    clip.write_text("none")
    with pytest.raises(VideoError):
        gathered(path)


def test_real_clips_show_the_ear_where_its_mask_is(store, clip_frames):
    (track,) = gathered(store).tracks
    cache = PhotoCache(10**7)
    plain = track_clip(track, 4, 64, cache)
    assert plain.present.all()
    boxes = [cv2.boundingRect(mask.astype(np.uint8)) for mask in plain.masks]
    assert all(abs(x + w / 2 - 32) < 3 and abs(max(w, h) - 32) < 6 for x, _, w, h in boxes)
    for seed in range(12):
        a, b = (track_clip(track, 5, 64, cache, np.random.default_rng(seed)) for _ in "ab")
        assert np.array_equal(a.images, b.images) and np.array_equal(a.masks, b.masks)
        assert a.present[0] and (a.masks.any((1, 2)) == a.present).all()


@given(
    flags=st.lists(st.booleans(), min_size=2, max_size=40).filter(any),
    length=st.integers(2, 9),
    seed=st.integers(0, 99),
)
def test_frames_are_consecutive_and_begin_with_an_ear(flags, length, seed):
    visible = np.array(flags)
    chosen = choose_frames(visible, length, np.random.default_rng(seed))
    assert len(chosen) == length and visible[chosen[0]]
    assert min(chosen) >= 0 and max(chosen) < len(visible)
    assert {abs(b - a) for a, b in pairwise(chosen)} <= {1, 2, 3}


def test_photos_are_decoded_when_needed_and_kept_within_bounds(photos):
    cache = PhotoCache(60_000)
    stills = [LazyStill(photo, 64, cache) for photo in gathered(photos).photos]
    maker = ClipMaker(stills, ClipSettings(side=64, length=2), seed=1)
    assert cache.size == 0
    clips = [maker.clip(i) for i in range(6)]
    assert 0 < cache.size <= 60_000
    roomy = [LazyStill(photo, 64, PhotoCache(10**8)) for photo in gathered(photos).photos]
    again = ClipMaker(roomy, ClipSettings(side=64, length=2), seed=1)
    assert all(np.array_equal(again.clip(i).images, clips[i].images) for i in range(6))


def test_large_photos_are_kept_no_finer_than_needed():
    ear = np.zeros((2000, 3000), np.uint8)
    cv2.ellipse(ear, (1500, 1000), (300, 500), 10, 0, 360, 255, -1)
    large = Still("a/b", np.repeat(ear[..., None], 3, 2), (ear,))
    small = reduced(large, 64)
    assert small.image.nbytes < large.image.nbytes / 50
    a, b = photo_clip(large, 0, 64), photo_clip(small, 0, 64)
    assert (a.masks != b.masks).mean() < 0.01


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("ears/017_left_2", "017"),
        ("ears/anna12", "anna"),
        ("ears/anna-12", "anna"),
        ("phone/anna (3)", "anna"),
        ("ears/0042", "0042"),
        ("ears/_12", "12"),
        ("ears/bs003b", "bs003"),
        ("ears/12left", "12"),
        ("ears/a.b", "a"),
    ],
)
def test_subjects_of_names(name, subject):
    assert subject_of(name) == subject


def test_subjects_by_pattern():
    assert subject_of("s1/x_3", r"^s(\d+)/") == "1"
    assert subject_of("s1/x_3", r"x_\d") == "x_3"
    with pytest.raises(UsageError, match="finds nothing in 'a/b'"):
        subject_of("a/b", r"\d+")
    with pytest.raises(UsageError, match="no regular expression"):
        settings(subject="(")


@given(names=st.sets(st.text("abc012", min_size=1, max_size=5), min_size=2), seed=st.integers(0, 9))
def test_some_subjects_are_held_out_and_some_are_not(names, seed):
    held = share_of(names, 0.2, seed)
    assert held and held < names and held == share_of(sorted(names), 0.2, seed)


def test_one_subject_cannot_be_split(tmp_path, people):
    root = write_folder(tmp_path / "d", {"p0": people["p0"]})
    with pytest.raises(UsageError, match=r"one subject \('p0'\).*--validation 0"):
        split_data(Sources([root]), settings())
    assert not split_data(Sources([root]), settings(validation=0.0)).held.photos


def test_whole_subjects_are_held_out_by_pattern(photos):
    split = split_data(Sources([photos]), settings(hold_out=("ears/p1_0",)))
    assert [photo.name for photo in split.held.photos] == ["ears/p1_0", "ears/p1_1"]
    named = gathered(photos).named
    with pytest.raises(UsageError, match="matches no photo"):
        held_subjects(named, settings(hold_out=("q*",)))
    with pytest.raises(UsageError, match="every subject"):
        held_subjects(named, settings(hold_out=("*",)))


def test_stretches_split_at_gaps():
    assert stretches([]) == []
    assert stretches([0, 1, 6, 20, 21]) == [[0, 1, 6], [20, 21]]
