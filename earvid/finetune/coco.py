"""Photos annotated in COCO's format: polygons, and run lengths packed or plain; one ear each.

The format is described at https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError, UsageError
from earvid.finetune.extra import need
from earvid.train.photo_files import image_size
from earvid.train.photos import Photo
from earvid.train.stills import MIN_EAR_AREA, Still
from earvid.train.subjects import subject_of

SLACK = 2.0  # pixels; annotation tools let a polygon run along and just beyond the border

Rle = dict[str, Any]


@dataclass(frozen=True, eq=False)
class CocoPhoto:
    """A photo with its annotations; see :class:`earvid.train.photos.Photo`."""

    name: str
    subject: str
    mark: str
    image: Path
    ears: tuple[Rle, ...]

    def load(self) -> Still:
        """Decode the photo and its annotations."""
        image = cv2.imread(str(self.image), cv2.IMREAD_COLOR)
        if image is None:
            raise EarvidError(f"{self.image} cannot be read as an image.")
        rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
        return Still(self.name, rgb, tuple(_mask(ear) for ear in self.ears))


def coco_photos(
    path: Path, images: Path | None, pattern: str | None, category: str | None
) -> list[Photo]:
    """List the photos of a COCO file that have at least one ear.

    Args:
        path: the ``.json`` file.
        images: folder of the photos; None is the folder of the file, or ``images/`` in it.
        pattern: see :func:`earvid.finetune.subjects.subject_of`.
        category: name of the ears' category; needed where there are several.

    Raises:
        EarvidError: the file is no COCO file, a photo is missing or has another size, or an
            annotation is broken or lies outside its photo.
    """
    need("pycocotools")
    content = _content(path)
    wanted = _category(content, path, category)
    ears: dict[Any, list[Rle]] = defaultdict(list)
    about = {_key(entry, "id", path): entry for entry in content["images"]}
    for note in content["annotations"]:
        if wanted is None or note.get("category_id") == wanted:
            entry = about.get(_key(note, "image_id", path))
            if entry is None:
                raise EarvidError(f"{_place(note, path)} belongs to no image of the file.")
            ears[entry["id"]].append(_run_lengths(note, *_size(entry, path), path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    photos: list[Photo] = []
    for entry in content["images"]:
        large = tuple(ear for ear in ears[entry["id"]] if _area(ear) >= MIN_EAR_AREA)
        if large:
            file = _find(entry, path, images)
            # With one folder per person, "anna/001.jpg" is "anna-001": the folder is the subject.
            inner = "-".join(Path(entry["file_name"]).with_suffix("").parts)
            name = f"{path.stem}/{inner}"
            mark = f"{digest}-{entry['id']}-{file.stat().st_size}"
            photos.append(CocoPhoto(name, subject_of(name, pattern), mark, file, large))
    return photos


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EarvidError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise EarvidError(f"{path} is no JSON: {str(error).splitlines()[0]}.") from error
    lists = ("images", "annotations")
    if not isinstance(content, dict) or not all(_is_entries(content.get(k)) for k in lists):
        raise EarvidError(f"{path} is no COCO file: it needs the lists images and annotations.")
    return content


def _is_entries(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _category(content: dict[str, Any], path: Path, name: str | None) -> Any:
    """The number of the ears' category, or None for all annotations."""
    known = content.get("categories")
    number = {c.get("name"): c.get("id") for c in known} if _is_entries(known) else {}  # type: ignore[union-attr]
    listed = ", ".join(map(str, number))
    if name is not None:
        if name not in number:
            raise UsageError(f"{path} has no category {name!r}; it has {listed or 'none'}.")
        return number[name]
    if len(number) > 1:
        raise UsageError(f"{path} has several categories ({listed}); name the ears' by --category.")
    return None


def _key(entry: dict[str, Any], key: str, path: Path) -> Any:
    value = entry.get(key)
    if not isinstance(value, int | str):
        raise EarvidError(f"{path} has an entry without {key}: {str(entry)[:60]}.")
    return value


def _size(entry: dict[str, Any], path: Path) -> tuple[int, int]:
    size = entry.get("width"), entry.get("height")
    if not all(isinstance(value, int) and value > 0 for value in size):
        raise EarvidError(f"Image {entry['id']} of {path} has no width and height.")
    return size  # type: ignore[return-value]


def _find(entry: dict[str, Any], path: Path, images: Path | None) -> Path:
    """The file of an image, seen to have the size that the annotations are about."""
    name = str(entry.get("file_name", ""))
    folders = [images] if images is not None else [path.parent, path.parent / "images"]
    for file in (folder / name for folder in folders):
        if name and file.is_file():
            size, stated = image_size(file), _size(entry, path)
            if size != stated:
                raise EarvidError(
                    f"{file} is {size[0]}x{size[1]} pixels, but {path.name} was annotated on "
                    f"{stated[0]}x{stated[1]}."
                )
            return file
    raise EarvidError(
        f"Image {name!r} of {path} is not in {folders[-1]}; name its folder with --images."
    )


def _run_lengths(note: dict[str, Any], width: int, height: int, path: Path) -> Rle:
    """Pack an annotation of any kind."""
    from pycocotools import mask as coder

    shape, place = note.get("segmentation"), _place(note, path)
    if isinstance(shape, list) and shape:
        _check_polygons(shape, width, height, place)
        return _merged(coder.frPyObjects(shape, height, width))
    if not isinstance(shape, dict) or "counts" not in shape:
        raise EarvidError(f"{place} has no polygon and no run lengths.")
    if list(shape.get("size", [])) != [height, width]:
        raise EarvidError(
            f"{place} has run lengths for {shape.get('size')}, outside an image of "
            f"{[height, width]} (height, width)."
        )
    counts = shape["counts"]
    if isinstance(counts, list):
        _check_counts(counts, width * height, place)
        return _merged([coder.frPyObjects(shape, height, width)])
    packed = {"size": [height, width], "counts": str(counts).encode()}
    return _checked(packed, place)


def _check_polygons(shape: list[Any], width: int, height: int, place: str) -> None:
    for polygon in shape:
        try:
            points = np.asarray(polygon, np.float64)
        except (TypeError, ValueError):
            points = np.empty(0)
        if points.ndim != 1 or points.size < 6 or points.size % 2 or not np.isfinite(points).all():
            raise EarvidError(f"{place} has a polygon that is not x, y of at least three points.")
        x, y = points[::2], points[1::2]
        if min(x.min(), y.min()) < -SLACK or x.max() > width + SLACK or y.max() > height + SLACK:
            raise EarvidError(f"{place} lies outside its image of {width}x{height} pixels.")


def _check_counts(counts: list[Any], pixels: int, place: str) -> None:
    if not all(isinstance(n, int) and n >= 0 for n in counts) or sum(counts) != pixels:
        raise EarvidError(f"{place} has run lengths that do not fill its image.")


def _checked(packed: Rle, place: str) -> Rle:
    """See that packed run lengths can be unpacked; the packer itself trusts what it gets."""
    if sum(_unpacked(packed["counts"])) != packed["size"][0] * packed["size"][1]:
        raise EarvidError(f"{place} has run lengths that do not fill its image.")
    return packed


def _unpacked(counts: bytes) -> list[int]:
    """The numbers in COCO's packed run lengths: groups of five bits, from the third on deltas."""
    numbers: list[int] = []
    value = shift = 0
    for byte in counts:
        value |= ((byte - 48) & 31) << shift
        shift += 5
        if (byte - 48) & 32:
            continue
        if (byte - 48) & 16:
            value -= 1 << shift
        numbers.append(value + (numbers[-2] if len(numbers) > 2 else 0))
        value = shift = 0
    return numbers if not shift and all(n >= 0 for n in numbers) else [-1]


def _merged(parts: list[Rle]) -> Rle:
    from pycocotools import mask as coder

    merged: Rle = coder.merge(parts)
    return merged


def _area(ear: Rle) -> int:
    from pycocotools import mask as coder

    return int(coder.area(ear))


def _mask(ear: Rle) -> NDArray[np.uint8]:
    """Decode packed run lengths, which go down the columns; `pycocotools` warns with numpy 2."""
    height, width = ear["size"]
    counts = _unpacked(ear["counts"])
    values = np.where(np.arange(len(counts)) % 2, 255, 0).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(values, counts).reshape(width, height).T)


def _place(note: dict[str, Any], path: Path) -> str:
    return f"Annotation {note.get('id')} of {path}"
