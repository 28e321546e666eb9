"""Names of models, and where their weights are."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pooch

from earvid.errors import ModelError

META_URL = "https://dl.fbaipublicfiles.com/segment_anything_2/092824/"
NANO_FILE = "earvid-nano.safetensors"


@dataclass(frozen=True)
class ModelSpec:
    """An entry of the zoo.

    Args:
        name: what ``--model`` calls it.
        file: name of its weights file.
        about: one line for people.
        config: name of the SAM 2.1 configuration, or ``None`` for nano models.
        image_size: side of the model's input when it differs from the configuration's.
        sha256: of the published file, when there is one.
        size: of the published file, bytes.
    """

    name: str
    file: str
    about: str
    config: str | None = None
    image_size: int | None = None
    sha256: str | None = None
    size: int | None = None

    @property
    def url(self) -> str | None:
        """Where the file can be downloaded, if anywhere."""
        return META_URL + self.file if self.sha256 else None


_SPECS = (
    ModelSpec("earvid-nano", NANO_FILE, "5.7 M parameters, trained on ears, ships with earvid"),
    ModelSpec(
        "sam2.1-tiny",
        "sam2.1_hiera_tiny.pt",
        "Meta's SAM 2.1, 39 M parameters",
        "sam2.1_hiera_t",
        sha256="7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
        size=156008466,
    ),
    ModelSpec(
        "sam2.1-small",
        "sam2.1_hiera_small.pt",
        "Meta's SAM 2.1, 46 M parameters",
        "sam2.1_hiera_s",
        sha256="6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
        size=184416285,
    ),
    ModelSpec(
        "sam2.1-base-plus",
        "sam2.1_hiera_base_plus.pt",
        "Meta's SAM 2.1, 81 M parameters",
        "sam2.1_hiera_b+",
        sha256="a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
        size=323606802,
    ),
    ModelSpec(
        "sam2.1-large",
        "sam2.1_hiera_large.pt",
        "Meta's SAM 2.1, 224 M parameters",
        "sam2.1_hiera_l",
        sha256="2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
        size=898083611,
    ),
    ModelSpec(
        "medsam2",
        "MedSAM2_latest.pt",
        "MedSAM2, SAM 2.1 tiny at 512 px; weights from its authors, as a local file",
        "sam2.1_hiera_t",
        image_size=512,
    ),
)
ZOO: dict[str, ModelSpec] = {spec.name: spec for spec in _SPECS}
DEFAULT_MODEL = "earvid-nano"


def weights_file(name: str, checkpoint: Path | None = None) -> Path:
    """The file that ``load_model`` would read: the checkpoint, or the one found by name.

    Raises:
        ModelError: there is no such model, or its weights are not here.
    """
    return checkpoint if checkpoint is not None else find_weights(find_spec(name))


def find_spec(name: str) -> ModelSpec:
    """Look a model up.

    Raises:
        ModelError: there is no such model; the known ones are listed.
    """
    if name not in ZOO:
        raise ModelError(f"There is no model named {name!r}; known are {', '.join(ZOO)}.")
    return ZOO[name]


def find_weights(spec: ModelSpec) -> Path:
    """Find a model's file in the package, ``./checkpoints``, ``$EARVID_CACHE`` or the user cache.

    Raises:
        ModelError: it is in none of them; the sentence says which file to put where.
    """
    for folder in search_folders():
        if (folder / spec.file).is_file():
            return folder / spec.file
    where = f"put {spec.file} into {cache_folder()} or ./checkpoints, or name it with --checkpoint"
    if spec.url:
        raise ModelError(
            f"The weights of {spec.name} are not here: "
            f"run 'earvid download {spec.name}', or {where}."
        )
    raise ModelError(f"The weights of {spec.name} are not here: {where}.")


def search_folders() -> list[Path]:
    """Folders that may hold weights, in order."""
    package = Path(__file__).resolve().parents[1]
    # In a wheel the weights lie inside the package, in a checkout beside it.
    return [
        package / "checkpoints",
        package.parent / "checkpoints",
        Path("checkpoints"),
        cache_folder(),
    ]


def shipped_file(name: str, what: str) -> Path:
    """Where weights lie that ship with earvid beside those of the tracker.

    Args:
        name: of the file.
        what: they are for, in the words of an error.

    Raises:
        ModelError: they are missing.
    """
    for folder in search_folders():
        if (folder / name).is_file():
            return folder / name
    raise ModelError(
        f"The weights of the {what} are not here: put {name} into ./checkpoints, or reinstall "
        "earvid, which brings them."
    )


def cache_folder() -> Path:
    """Where downloads go: ``$EARVID_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("EARVID_CACHE") or pooch.os_cache("earvid"))


def download(
    name: str, folder: Path | None = None, downloader: Callable[..., None] | None = None
) -> Path:
    """Fetch a model's weights and check their sha256; does nothing when they are there.

    Args:
        name: of the zoo.
        folder: where to; the cache folder by default.
        downloader: a ``pooch`` downloader, for progress bars.

    Returns:
        The file.

    Raises:
        ModelError: there is nothing to download, no way to reach it, or it arrived damaged.
    """
    spec = find_spec(name)
    if spec.name == DEFAULT_MODEL:
        return find_weights(spec)
    target = folder or cache_folder()
    if spec.url is None:
        raise ModelError(
            f"earvid cannot download {name}: get {spec.file} from its authors and put it "
            f"into {target}."
        )
    try:
        found = pooch.retrieve(
            spec.url, f"sha256:{spec.sha256}", spec.file, target, downloader=downloader
        )
    except ValueError as error:
        raise ModelError(f"{spec.file} arrived damaged (wrong sha256); try again.") from error
    except Exception as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EACCES, errno.EROFS):
            raise ModelError(f"{target} cannot be written; set EARVID_CACHE elsewhere.") from error
        raise ModelError(
            f"{spec.url} cannot be reached; download it elsewhere and put it into {target}."
        ) from error
    return Path(found)


def progress_downloader() -> Callable[..., None]:
    """A downloader that shows a bar on standard error when that is a terminal."""
    bar = sys.stderr.isatty()
    fetch: Callable[..., None] = pooch.HTTPDownloader(progressbar=bar)
    return fetch
