"""Files that are wrong, each in one way, beside a good clip ``ear.mp4``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from earvid.models import NanoConfig, build_nano, find_weights, read_weights, save_weights
from earvid.models.zoo import find_spec

SIZE = (160, 120)  # of the good clip


def make_bad_files(folder: Path) -> None:
    """Fill a folder that holds ``ear.mp4``."""
    _clips(folder)
    _masks(folder)
    _landmarks(folder)
    _prompts(folder)
    _weights(folder)
    _stores(folder)
    _photos(folder)


def _clips(folder: Path) -> None:
    whole = (folder / "ear.mp4").read_bytes()
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("This is a letter and not a clip.\n" * 20)
    (folder / "start.mp4").write_bytes(whole[: len(whole) // 8])
    _remux_index_last(folder / "ear.mp4", folder / "cut.mp4")
    cut = (folder / "cut.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(cut[: len(cut) // 2])
    _sound(folder / "sound.mp4")
    _no_frames(folder / "frameless.mkv")
    _dent(folder / "dented.mp4", at=5)
    (folder / "nothing").mkdir()
    for number, size in enumerate([(32, 24), (32, 24), (24, 32)]):
        (folder / "mixed").mkdir(exist_ok=True)
        Image.new("RGB", size).save(folder / "mixed" / f"{number}.png")
    shutil.copytree(folder / "mixed", folder / "torn")
    (folder / "torn" / "2.png").write_bytes((folder / "mixed" / "2.png").read_bytes()[:20])
    shutil.copy(folder / "ear.mp4", folder / "twin.mp4")
    shutil.copy(folder / "ear.mp4", folder / "twin.mov")


def _remux_index_last(source: Path, target: Path) -> None:
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)


def _sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        silence = np.zeros((1, 4096), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.rate, frame.pts = 44100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _no_frames(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()


def _dent(path: Path, at: int) -> None:
    """Twelve frames, each by itself, of which one cannot be decoded."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.gop_size = 1
        for _ in range(12):
            image = random.integers(0, 256, (*SIZE[::-1], 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0)]
    content, (start, size) = bytearray(path.read_bytes()), packets[at]
    content[start + 4 : start + size] = bytes(size - 4)
    path.write_bytes(content)


def _masks(folder: Path) -> None:
    ear = np.zeros(SIZE[::-1], np.uint8)
    Image.fromarray(ear).save(folder / "black.png")
    ear[30:90, 50:90] = 255
    Image.fromarray(ear).save(folder / "lossy.jpg")
    Image.fromarray(ear[:100, :100]).save(folder / "small.png")
    Image.fromarray(ear).save(folder / "good.png")
    (folder / "torn.png").write_bytes((folder / "good.png").read_bytes()[:40])


def _landmarks(folder: Path) -> None:
    (folder / "few.pts").write_text("version: 1\nn_points: 55\n{\n1 2\n3 4\n}\n")
    (folder / "open.pts").write_text("version: 1\nn_points: 2\n{\n1 2\n3 4\n")
    (folder / "words.csv").write_text("name,x,y\ntragus,here,there\n")
    (folder / "torn.json").write_text('{"tragus": [1, ')
    (folder / "landmarks.xlsx").write_bytes(b"PK")


def _prompts(folder: Path) -> None:
    def write(name: str, **changes: object) -> None:
        document = {"version": 1, "objects": [{"id": 1, "frames": {"5": {"box": [9, 9, 60, 60]}}}]}
        (folder / name).write_text(json.dumps({**document, **changes}))

    write("good.json")
    write("newer.json", version=9)
    write("extra.json", colour="red")
    write("nobody.json", objects=[])
    write("late.json", objects=[{"id": 1, "frames": {"99": {"box": [9, 9, 60, 60]}}}])
    write("typo.json", objects=[{"id": 1, "frames": {"5": {"boxx": [9, 9, 60, 60]}}}])
    (folder / "binary.json").write_bytes(bytes(range(256)))


def _weights(folder: Path) -> None:
    good = find_weights(find_spec("earvid-nano"))
    weights, about = read_weights(good)
    (folder / "cut.safetensors").write_bytes(good.read_bytes()[: 1 << 20])
    (folder / "empty.safetensors").touch()
    (folder / "noise.pt").write_bytes(bytes(range(256)) * 40)
    torch.save({"model": [torch.nn.Linear(2, 2)]}, folder / "objects.pt")
    save_file({"weight": torch.zeros(3)}, folder / "other.safetensors")
    small = NanoConfig(image_size=64, width=64)
    save_weights(folder / "narrow.safetensors", build_nano(small).state_dict(), {}, {})
    first = next(name for name, value in weights.items() if value.is_floating_point())
    weights[first][..., 0] = float("nan")
    save_weights(folder / "nan.safetensors", weights, about["config"], {})
    save_weights(folder / "future.safetensors", weights, {"depth": 9}, {})


def _stores(folder: Path) -> None:
    (folder / "file.txt").write_text("Not a store.")
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.tex").write_text("Not a store either.")
    shutil.copytree(folder / "ear.earvid.zarr", folder / "alone" / "ear.earvid.zarr")
    broken = folder / "broken.zarr"
    shutil.copytree(folder / "ear.earvid.zarr", broken)
    (broken / "zarr.json").write_text("{")
    holes = folder / "holes.zarr"
    shutil.copytree(folder / "ear.earvid.zarr", holes)
    for shard in (holes / "tracks" / "score" / "c").rglob("*"):
        if shard.is_file():
            shard.write_bytes(b"torn")
    (folder / "taken.mp4").write_bytes(b"a film")
    (folder / "taken.png").write_bytes(b"a picture")


def _photos(folder: Path) -> None:
    photo = Image.fromarray(np.full((60, 80, 3), 128, np.uint8))
    ear = np.zeros((60, 80), np.uint8)
    ear[20:45, 30:50] = 255
    for name in ("photos", "unequal", "unreadable", "earless"):
        for part in ("images", "masks"):
            (folder / name / part).mkdir(parents=True)
        photo.save(folder / name / "images" / "a.jpg")
        Image.fromarray(ear).save(folder / name / "masks" / "a.png")
    Image.fromarray(ear[:30]).save(folder / "unequal" / "masks" / "a.png")
    (folder / "unreadable" / "images" / "a.jpg").write_bytes(b"no photo")
    Image.fromarray(ear * 0).save(folder / "earless" / "masks" / "a.png")
    (folder / "maskless" / "images").mkdir(parents=True)
