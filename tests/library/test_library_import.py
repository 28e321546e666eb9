"""What ``import earvid`` costs, and which names it gives."""

import subprocess
import sys

import pytest

import earvid


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_earvid_imports_nothing_heavy():
    heavy = "('torch', 'sam2', 'numpy', 'zarr', 'cv2', 'av', 'click', 'matplotlib')"
    assert run(f"import sys, earvid; print([m for m in {heavy} if m in sys.modules])") == "[]\n"


def test_reading_results_and_plotting_need_neither_torch_nor_matplotlib():
    code = "import sys, earvid; earvid.open, earvid.Recording, earvid.plot.overlay; "
    assert run(code + "print('torch' in sys.modules, 'matplotlib' in sys.modules)") == (
        "False False\n"
    )


def test_all_names_are_there():
    assert set(earvid.__all__) <= set(dir(earvid))
    for name in earvid.__all__:
        assert getattr(earvid, name) is not None


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="'earvid' has no attribute 'trakc'"):
        earvid.trakc  # noqa: B018
