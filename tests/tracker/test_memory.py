import torch

from earvid.tracker.memory import MemoryBank, MemoryEntry, virtual_outputs
from earvid.tracker.policies import Fifo, Moment


def entry(index):
    return MemoryEntry(index, torch.full((1, 2, 1, 1), float(index)), torch.zeros(1, 4), 1, 1, 0.1)


def filled(direction, count):
    policy, bank = Fifo(maps=7, pointers=16), MemoryBank(direction, {50: entry(50)})
    for step in range(1, count + 1):
        index = 50 + step * direction
        bank.recent[index] = entry(index)
        policy.evict(bank)
    return policy, bank


def test_fifo_keeps_six_maps_and_fifteen_pointers_both_ways():
    for direction in (1, -1):
        policy, bank = filled(direction, 40)
        assert len(bank.recent) == 15
        assert sum(e.features is not None for e in bank.recent.values()) == 6
        chosen = policy.select(bank, Moment(50 + 41 * direction))
        assert chosen.frames() == tuple(50 + (40 - i) * direction for i in range(6))
        assert sorted(chosen.pointers) == list(range(1, 16))


def test_fifo_passes_over_frames_that_are_missing():
    policy, bank = filled(1, 5)
    del bank.recent[53]
    assert policy.select(bank, Moment(56)).frames() == (55, 54, 52, 51)


def test_virtual_outputs_look_like_stock_ones():
    policy, bank = filled(1, 20)
    position = torch.zeros(1, 2, 1, 1)
    out = virtual_outputs(bank, policy.select(bank, Moment(71)), 71, position)
    assert list(out["cond_frame_outputs"]) == [50]
    recent = out["non_cond_frame_outputs"]
    assert sorted(recent) == list(range(56, 71))
    assert all(recent[t]["maskmem_features"].numel() for t in range(65, 71))
    assert not any(recent[t]["maskmem_features"].numel() for t in range(56, 65))
