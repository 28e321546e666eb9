"""What the names of files tell: videos, images, and videos that earvid drew."""

from __future__ import annotations

from pathlib import Path

VIDEOS = frozenset({
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts",
    ".webm", ".wmv",
})  # fmt: skip
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
DRAWN = (".overlay.mp4", ".matte.mp4", ".crop.mp4")
"""Ends of the names of videos that earvid makes, which are no clips."""


def is_video(path: Path) -> bool:
    """Whether a file of a folder is a clip: a video that earvid did not draw."""
    return _is_shown(path, VIDEOS) and not path.name.endswith(DRAWN) and not path.is_dir()


def is_image(path: Path) -> bool:
    """Whether a file of a folder is an image."""
    return _is_shown(path, IMAGES)


def videos_in(folder: Path) -> list[Path]:
    """The clips of a folder that are files."""
    return [path for path in folder.iterdir() if is_video(path)]


def _is_shown(path: Path, suffixes: frozenset[str]) -> bool:
    """Whether a file is of a kind, and not hidden, as what a Mac leaves behind is."""
    return path.suffix.lower() in suffixes and not path.name.startswith(".")
