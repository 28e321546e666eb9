"""A drawn ear on the side of a head: a moving picture whose masks and landmarks are exact."""

from earvid.sample.clip import SampleFrame, make_clip
from earvid.sample.files import Truth, load_truth, sample_path, write_sample
from earvid.sample.params import EarParams, random_ear
from earvid.sample.render import Layers, render_ear

__all__ = [
    "EarParams",
    "Layers",
    "SampleFrame",
    "Truth",
    "load_truth",
    "make_clip",
    "random_ear",
    "render_ear",
    "sample_path",
    "write_sample",
]
