"""The masks that the decoder computes, and what comes along with the one that is chosen."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from earvid.errors import UsageError
from earvid.models import NanoConfig, build_nano, build_sam21
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker import Choice, Fifo, Session
from earvid.tracker.decoder import DecoderWatch

BOX = FramePrompt(box=(20, 20, 50, 60))
PROMPT = Prompt((ObjectPrompt(id=1, name="a", frames={0: BOX}),))


def always_there(model):
    with torch.no_grad():
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(5.0)
    return model


@pytest.fixture(scope="module")
def nano():
    torch.manual_seed(3)
    return always_there(build_nano(NanoConfig(image_size=64)))


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(4)
    return always_there(build_sam21("sam2.1_hiera_t", 64))


def frame(index):
    rng = np.random.default_rng(index)
    small = rng.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return SimpleNamespace(index=index, image=np.kron(small, np.ones((10, 10, 1), np.uint8)))


class Take(Fifo):
    """Takes the mask that it is told to, and writes down what it was offered."""

    looks = True

    def __init__(self, which):
        super().__init__()
        object.__setattr__(self, "which", which)
        object.__setattr__(self, "offers", [])

    def choose(self, bank, candidates):
        self.offers.append(candidates)
        which = candidates.preferred if self.which is None else self.which
        return Choice(which, {"taken": float(which)})


def run(model, policy, *, alternatives, count=3):
    session = Session(
        model, PROMPT, 120, 90, 100, roi=None, policy=policy, alternatives=alternatives
    )
    return session, [session.step(frame(t)).objects[1] for t in range(count)]


def spied(model):
    """Everything that the decoder computes, taken where the test can reach it."""
    seen, decoder = [], model.sam_mask_decoder
    inner = type(decoder).predict_masks

    def predict(self, **inputs):
        seen.append(inner(self, **inputs))
        return seen[-1]

    return seen, predict


@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_one_mask_model_with_alternatives_offers_all_four(nano, monkeypatch, which):
    seen, predict = spied(nano)
    monkeypatch.setattr(type(nano.sam_mask_decoder), "predict_masks", predict)
    take = Take(which)
    session, results = run(nano, take, alternatives=True, count=2)
    masks, scores, tokens, _ = seen[-1]
    assert [len(o.masks) for o in take.offers] == [4] and take.offers[0].preferred == 0
    assert np.array_equal(take.offers[0].masks, (masks[0] > 0).numpy())
    assert np.array_equal(results[1].logits, masks[0, which].numpy())
    remembered = session.tracks[1].bank.recent[1]
    assert remembered.score == results[1].score == float(scores[0, which])
    with torch.inference_mode():
        assert torch.equal(remembered.pointer, nano.obj_ptr_proj(tokens[:, which]))
    assert remembered.marks == {"taken": which}


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_model_of_several_masks_offers_those(tiny, monkeypatch, which):
    seen, predict = spied(tiny)
    monkeypatch.setattr(type(tiny.sam_mask_decoder), "predict_masks", predict)
    take = Take(which)
    session, results = run(tiny, take, alternatives=False, count=2)
    masks, scores, tokens, _ = seen[-1]
    assert len(take.offers[0].masks) == 3
    assert take.offers[0].preferred == int(scores[0, 1:].argmax())
    assert np.array_equal(results[1].logits, masks[0, 1 + which].numpy())
    with torch.inference_mode():
        pointer = tiny.obj_ptr_proj(tokens[:, 1 + which])
    assert torch.equal(session.tracks[1].bank.recent[1].pointer, pointer)


@pytest.mark.parametrize("alternatives", [False, True])
def test_looking_alone_changes_nothing(nano, alternatives):
    _, plain = run(nano, Fifo(), alternatives=False, count=6)
    _, looked = run(nano, Take(None), alternatives=alternatives, count=6)
    for a, b in zip(plain, looked, strict=True):
        assert np.array_equal(a.logits, b.logits) and a.score == b.score


def test_without_trained_alternatives_there_is_one_mask(nano):
    take = Take(0)
    run(nano, take, alternatives=False)
    assert [len(o.masks) for o in take.offers] == [1, 1]
    with pytest.raises(UsageError, match="mask 1 of 1"):
        run(nano, Take(1), alternatives=False)


def test_an_absent_object_is_not_chosen_for(nano):
    head = nano.sam_mask_decoder.pred_obj_score_head.layers[-1].bias
    take = Take(0)
    session, _ = run(nano, take, alternatives=True, count=1)
    try:
        with torch.no_grad():
            head.fill_(-9.0)
        result = session.step(frame(1)).objects[1]
    finally:
        with torch.no_grad():
            head.fill_(5.0)
    assert not result.present and take.offers == []


def test_the_model_is_left_as_it_was_even_after_an_error(nano):
    before = set(vars(nano.sam_mask_decoder))
    with pytest.raises(UsageError):
        run(nano, Take(9), alternatives=True)
    assert set(vars(nano.sam_mask_decoder)) == before
    assert not any(module._forward_hooks for module in nano.modules())


def test_threads_that_share_a_model_do_not_see_each_other(nano):
    alone = [run(nano, Take(w), alternatives=True, count=8)[1] for w in range(4)]
    together = [None] * 4

    def work(which):
        together[which] = run(nano, Take(which), alternatives=True, count=8)[1]

    threads = [threading.Thread(target=work, args=(w,)) for w in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a.logits, b.logits) and a.score == b.score


def test_a_watch_without_choice_only_reads_the_iou(nano):
    with DecoderWatch(nano) as watch:
        Session(nano, PROMPT, 120, 90, 100).step(frame(0))
    assert 0 <= watch.score <= 1
