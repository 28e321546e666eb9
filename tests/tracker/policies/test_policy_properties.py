"""What holds for every policy on every clip."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_entries import START, Sight, chosen_offsets, drive, remembered

from earvid.errors import UsageError
from earvid.tracker import POLICIES, policy

sights = st.lists(
    st.builds(
        Sight,
        missing=st.sampled_from([False] * 9 + [True]),
        presence=st.sampled_from([-6.0, 0.2, 3.0, 8.0, 8.0]),
        score=st.sampled_from([0.0, 0.2, 0.45, 0.7, 0.85, 0.95]),
        x=st.integers(0, 26),
        other=st.integers(0, 26),
        seed=st.integers(0, 20),
    ),
    min_size=1,
    max_size=70,
)
keyframes = st.sets(st.integers(1, 60), max_size=6).map(lambda later: (0, *sorted(later)))
eager = {  # so that short clips reach what normally takes long
    "fifo": {},
    "gated": {"threshold": 0.3},
    "self-sorting": {"size": 8},
    "motion": {"steady": 3, "weight": 0.9},
    "distractor": {"min_score": 0.4, "gap": 1, "steadiness": 1.0},
}
every_policy = pytest.mark.parametrize("name", POLICIES)


def made(name):
    return policy(name, **eager[name])


@every_policy
@settings(max_examples=20, deadline=None)
@given(sights=sights, keyframes=keyframes)
def test_banks_and_selections_stay_within_their_bounds(name, sights, keyframes):
    one = made(name)
    entries, maps = {
        "fifo": (15, 6),
        "gated": (16, 7),
        "self-sorting": (8, 8),
        "motion": (15 + 7, 7),
        "distractor": (15 + 13, 13),
    }[name]
    for bank, _, selection in drive(one, 1, sights, keyframes):
        assert len(bank.recent) <= entries
        assert sum(e.features is not None for e in bank.recent.values()) <= maps
        assert len(bank.anchors) <= (3 if name == "distractor" else 0)
        assert sum(len(v) for v in bank.numbers.values()) <= 80
        assert list(bank.keyframes) == [START + k for k in keyframes]
        anchors = bank.keyframes if selection.anchors is None else selection.anchors
        assert len(anchors) + len(selection.maps) <= one.slots(len(keyframes))
        assert name == "fifo" or len(anchors) <= 4
        selection.check(name, 7, 16)


@every_policy
@settings(max_examples=20, deadline=None)
@given(sights=sights, keyframes=keyframes)
def test_only_what_is_in_the_bank_and_shows_the_object_is_chosen(name, sights, keyframes):
    for bank, index, selection in drive(made(name), 1, sights, keyframes):
        anchors = bank.keyframes if selection.anchors is None else selection.anchors
        there = [*bank.recent.values(), *bank.anchors.values(), *bank.keyframes.values()]
        for e in (*selection.maps.values(), *selection.pointers.values(), *anchors.values()):
            assert any(e is other for other in there)
        assert not {e.index for e in selection.maps.values()} & set(anchors)
        ages = [bank.age(e, index) for e in selection.maps.values()]
        assert len(set(ages)) == len(ages) and min(ages, default=1) >= 1
        if name != "fifo":  # which does not ask
            assert all(e.presence > 0 or bank.age(e, index) == 1 for e in selection.maps.values())
        if name in ("self-sorting", "distractor"):
            assert all(e.presence > 0 for e in selection.maps.values())


@every_policy
@settings(max_examples=15, deadline=None)
@given(sights=sights, keyframes=keyframes)
def test_a_clip_turned_around_gives_the_same_selections(name, sights, keyframes):
    def told(direction):
        clip = drive(made(name), direction, sights, keyframes)
        return [(chosen_offsets(bank, chosen), remembered(bank)) for bank, _, chosen in clip]

    there = told(1)
    assert there == told(-1)
    assert there == told(1)


@every_policy
def test_memory_is_flat_over_any_length(name):
    clip = [Sight(False, 8.0, 0.9, t // 3 % 27, (t * 7) % 27, t) for t in range(400)]
    sizes = [bank.nbytes() for bank, _, _ in drive(made(name), 1, clip)]
    assert max(sizes[200:]) <= max(sizes[:200])


def test_policies_are_known_by_name():
    assert POLICIES == ("fifo", "gated", "self-sorting", "motion", "distractor")
    assert [policy(name).name for name in POLICIES] == list(POLICIES)
    assert policy("gated", threshold=0.5).describe() == {
        "name": "gated",
        "maps": 7,
        "pointers": 16,
        "threshold": 0.5,
        "keyframes": 4,
    }


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("lifo", {}, "no policy 'lifo'; choose from fifo"),
        ("gated", {"limit": 3}, "gated has no parameter 'limit'; choose from maps"),
        ("gated", {"threshold": 2.0}, "threshold .* must be a number from 0 to 1, not 2.0"),
        ("motion", {"steady": 1.5}, "steady .* must be a whole number"),
        ("distractor", {"overlap": "much"}, "overlap .* must be a number"),
        ("self-sorting", {"size": 1}, "size .* from 2 to"),
        ("fifo", {"maps": True}, "maps .* whole number"),
        ("motion", {"weight": float("nan")}, "weight .* must be a number"),
    ],
)
def test_wrong_names_and_values_are_one_sentence(name, parameters, sentence):
    with pytest.raises(UsageError, match=sentence):
        policy(name, **parameters)
