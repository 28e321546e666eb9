from hypothesis import given
from hypothesis import strategies as st

from earvid.pipeline.plan import Plan
from earvid.pipeline.report import spans
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt

BOX = FramePrompt(box=(1.0, 1.0, 9.0, 9.0))


@given(
    keyframes=st.lists(st.integers(0, 99), min_size=1, max_size=4),
    length=st.integers(1, 40),
    extra=st.integers(0, 60),
)
def test_both_passes_together_finish_every_frame_once_in_whole_shards(keyframes, length, extra):
    count = max(keyframes) + 1 + extra
    ears = tuple(
        ObjectPrompt(id=i + 1, name=f"e{i}", frames={k: BOX}) for i, k in enumerate(keyframes)
    )
    plan = Plan.make(Prompt(ears), count, length)
    forward = [t for t in range(plan.first, count) if t >= plan.seam]
    backward = list(range(plan.seam - 1, -1, -1))
    assert sorted(forward + backward) == list(range(count))
    # No ear is still to be found by the way back on a frame that the way forward made final.
    assert all(t >= max(keyframes) for t in forward)
    # Every shard is written by one pass alone, so a checkpoint never cuts one in two.
    assert not {t // length for t in forward} & {t // length for t in backward}
    assert all(plan.ends_forward(t) for t in forward if t + 1 == count or (t + 1) % length == 0)


@given(st.lists(st.booleans(), max_size=40))
def test_spans_name_just_the_true_frames(flags):
    import numpy as np

    named = {t for a, b in spans(np.array(flags, bool)) for t in range(a, b)}
    assert named == {t for t, flag in enumerate(flags) if flag}
