import hashlib
import pickle

import pytest
import torch

from earvid.errors import ModelError
from earvid.models import ZOO, NanoConfig, build_nano, build_sam21, load_model, save_weights
from earvid.models.zoo import download, find_spec, find_weights, search_folders

SMALL = NanoConfig(image_size=64)


@pytest.fixture(scope="module")
def nano():
    torch.manual_seed(0)
    return build_nano(SMALL)


def written(path, model, config=SMALL):
    save_weights(path, model.state_dict(), config.to_dict(), {"steps": 1}, torch.float32)
    return path


def test_the_embedded_model_loads_by_name():
    loaded = load_model()
    assert loaded.name == "earvid-nano" and loaded.weights.stat().st_size < 20e6
    assert not loaded.model.training
    assert loaded.sha256 == hashlib.sha256(loaded.weights.read_bytes()).hexdigest()


def test_a_checkpoint_brings_its_own_architecture(tmp_path, nano):
    loaded = load_model(checkpoint=written(tmp_path / "w.safetensors", nano), tuned=False)
    assert loaded.model.image_size == 64
    for name, value in nano.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value), name


def test_a_file_of_metas_form_loads(tmp_path, monkeypatch):
    """The same keys, nesting and pickle protocol as Meta's checkpoints, with random numbers."""
    torch.manual_seed(1)
    model = build_sam21("sam2.1_hiera_t")
    path = tmp_path / "sam2.1_hiera_tiny.pt"
    torch.save({"model": model.state_dict()}, path)
    loaded = load_model("sam2.1-tiny", checkpoint=path)
    assert loaded.model.image_size == 1024
    assert torch.equal(loaded.model.no_mem_embed, model.no_mem_embed)
    # Found by name it must be Meta's very file.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    path.rename(tmp_path / "checkpoints" / path.name)
    with pytest.raises(ModelError, match=r"damaged .*sha256"):
        load_model("sam2.1-tiny")


def test_medsam2_is_tiny_at_512(tmp_path):
    model = build_sam21("sam2.1_hiera_t", 512)
    path = tmp_path / "MedSAM2_latest.pt"
    torch.save({"model": model.state_dict()}, path)
    assert load_model("medsam2", checkpoint=path).model.image_size == 512


@pytest.mark.parametrize("name", [n for n, s in ZOO.items() if s.config])
def test_every_configuration_exists_in_sam2(name):
    from importlib.resources import files

    assert files("sam2").joinpath(f"configs/sam2.1/{ZOO[name].config}.yaml").is_file()


def test_weights_that_do_not_fit_name_the_first_mismatch(tmp_path, nano):
    state = dict(nano.state_dict())
    missing = {k: v for k, v in state.items() if k != "no_mem_embed"}
    reshaped = {**state, "no_obj_ptr": torch.zeros(1, 3)}
    extra = {**state, "surplus": torch.zeros(1)}
    nan = {**state, "no_obj_ptr": torch.full((1, 128), torch.nan)}
    for weights, words in (
        (missing, "no_mem_embed is missing"),
        (reshaped, r"no_obj_ptr is \(1, 3\), not \(1, 128\)"),
        (extra, "it has no surplus"),
        (nan, "no_obj_ptr holds numbers that are not finite"),
    ):
        path = tmp_path / "bad.safetensors"
        save_weights(path, weights, SMALL.to_dict(), {})
        with pytest.raises(ModelError, match=words):
            load_model(checkpoint=path)


class Evil:
    def __reduce__(self):
        return (print, ("code from a weights file ran",))


def test_bad_files_are_refused_in_one_sentence(tmp_path, nano, capsys):
    good = written(tmp_path / "good.safetensors", nano)
    short = tmp_path / "short.safetensors"
    short.write_bytes(good.read_bytes()[:5000])
    text = tmp_path / "text.pt"
    text.write_text("no weights")
    evil = tmp_path / "evil.pt"
    evil.write_bytes(pickle.dumps({"model": Evil()}, protocol=2))
    other = tmp_path / "other.pt"
    torch.save([1, 2, 3], other)
    unknown = tmp_path / "unknown.safetensors"
    save_weights(unknown, nano.state_dict(), {"trunk": "efficientnet_lite0", "depth": 3}, {})
    for path, words in (
        (tmp_path / "absent.pt", "cannot be read"),
        (short, "damaged"),
        (text, "damaged"),
        (evil, "not loaded for safety|damaged"),
        (other, "no state dict"),
        (unknown, "unknown key 'depth'"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(ModelError, match=words) as caught:
            load_model(checkpoint=path)
        assert "\n" not in str(caught.value)
    assert "ran" not in capsys.readouterr().out


def test_names_and_devices_that_do_not_exist(tmp_path):
    with pytest.raises(ModelError, match="no model named 'sam3'; known are earvid-nano"):
        load_model("sam3")
    with pytest.raises(ModelError, match="no device named 'tpu'"):
        load_model(device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="no cuda device"):
            load_model(device="cuda")


def test_offline_the_sentence_says_which_file_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("EARVID_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"earvid download sam2.1-large.*sam2.1_hiera_large.pt"):
        find_weights(find_spec("sam2.1-large"))
    # A proxy that refuses at once is what being offline comes to.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="cannot be reached; download it elsewhere and put it"):
        download("sam2.1-tiny")
    with pytest.raises(ModelError, match=r"get MedSAM2_latest.pt from its authors"):
        download("medsam2")


def test_the_cache_is_searched_last(tmp_path, monkeypatch):
    monkeypatch.setenv("EARVID_CACHE", str(tmp_path))
    assert search_folders()[-1] == tmp_path
    assert download("earvid-nano").name == "earvid-nano.safetensors"
