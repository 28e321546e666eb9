"""OME-NGFF 0.5 metadata, by which napari and other viewers know what to show.

Axes and transforms follow https://ngff.openmicroscopy.org/0.5/. Pixels are their centers, so that
a proxy pixel, which covers a block of the frame, is moved by half a block less half a pixel.
"""

from typing import Any

from earvid.store.spec import StoreSpec

NGFF_VERSION = "0.5"
LABEL = "ear"

PALETTE: tuple[tuple[int, int, int], ...] = (
    (0, 214, 255),
    (255, 92, 205),
    (170, 240, 60),
    (255, 200, 40),
    (160, 140, 255),
    (255, 120, 80),
)
"""RGB of objects 1, 2, ..., repeated when there are more; hues that neither skin nor hair has."""

_AXES = [
    {"name": "t", "type": "time", "unit": "second"},
    {"name": "y", "type": "space"},
    {"name": "x", "type": "space"},
]


def root_ome(spec: StoreSpec) -> dict[str, Any]:
    """The ``ome`` attribute of the root: the proxy is its image."""
    height, width = spec.proxy_size
    step_y, step_x = spec.height / height, spec.width / width
    transforms = [
        {"type": "scale", "scale": [1 / spec.fps, step_y, step_x]},
        {"type": "translation", "translation": [0.0, (step_y - 1) / 2, (step_x - 1) / 2]},
    ]
    return _image(spec.clip_name, "proxy/gray", transforms)


def labels_ome() -> dict[str, Any]:
    """The ``ome`` attribute of the ``labels`` group."""
    return {"version": NGFF_VERSION, "labels": [LABEL]}


def label_ome(spec: StoreSpec) -> dict[str, Any]:
    """The ``ome`` attribute of the label image."""
    objects = list(zip(spec.object_ids, spec.object_names, strict=True))
    return {
        **_image(LABEL, "mask", [{"type": "scale", "scale": [1 / spec.fps, 1.0, 1.0]}]),
        "image-label": {
            "colors": [{"label-value": one, "rgba": [*color(one), 255]} for one, _ in objects],
            "properties": [{"label-value": one, "name": name} for one, name in objects],
            "source": {"image": "../../"},
        },
    }


def color(object_id: int) -> tuple[int, int, int]:
    """RGB of the object with this id, which starts at 1."""
    return PALETTE[(object_id - 1) % len(PALETTE)]


def _image(name: str, path: str, transforms: list[dict[str, Any]]) -> dict[str, Any]:
    dataset = {"path": path, "coordinateTransformations": transforms}
    return {
        "version": NGFF_VERSION,
        "multiscales": [{"name": name, "axes": _AXES, "datasets": [dataset]}],
    }
