"""Pages in a real browser without a window: they are drawn, load nothing, and react."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from html import unescape

import cv2
import numpy as np
import pytest
from made_masks import doubtful

from earvid.qc import plan_pages, write_pages
from earvid.store import Store

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
    "--no-first-run", "--disable-extensions", "--disable-sync", "--disable-background-networking",
    "--disable-component-update", "--disable-dev-shm-usage", "--virtual-time-budget=3000",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


def browse(page, tmp_path, *options):
    """Call the browser on a page; returns what it printed and what it said beside."""
    assert BROWSER is not None
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *options, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, said


@pytest.fixture
def page(make_store):
    """The page of a store with flagged spans."""
    store: Store = make_store(doubtful())
    (made,) = write_pages(plan_pages([store.path])).pages
    return made


def test_the_page_is_drawn_and_its_script_runs_within_its_policy(page, tmp_path):
    dom, said = browse(page, tmp_path, "--dump-dom")
    assert said == []  # a refused style or script, or one that fails, is told on the console
    # The script shows the buttons that it makes work; without it they stay hidden.
    assert dom.count('class="copy"') >= 2 and not re.search(r'class="copy"[^>]*hidden', dom)


@pytest.mark.parametrize(("width", "height"), [(1280, 2400), (390, 2400)])
def test_the_page_fits_windows_of_any_width(page, tmp_path, width, height):
    shot = tmp_path / "shot.png"
    browse(page, tmp_path, f"--screenshot={shot}", f"--window-size={width},{height}")
    image = cv2.imread(str(shot))
    assert image.shape[1] >= min(width, 390) and image.std() > 10
    right = image[:, -4:]  # nothing reaches over the margin on the right
    assert np.ptp(right.reshape(-1, 3), axis=0).max() < 12


def test_a_command_is_copied_as_it_is(make_store, tmp_path):
    store = make_store(doubtful(), ids=(1, 2), names=("one  ear", "the  other"))
    (page,) = write_pages(plan_pages([store.path])).pages
    probe = page.with_name("probe.html")
    ask = """<script>
    const range = document.createRange();
    range.selectNodeContents(document.querySelector(".command code"));
    getSelection().addRange(range);
    document.title = JSON.stringify(getSelection().toString());
    </script>"""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text("utf-8"))
    probe.write_text(text.replace("</body>", f"{ask}</body>"), encoding="utf-8")
    dom, _ = browse(probe, tmp_path, "--dump-dom")
    found = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
    assert found is not None
    words = shlex.split(json.loads(unescape(found[1])))
    assert words[words.index("--ear") + 1] in store.object_names


def test_a_drawn_box_is_in_the_command(page, tmp_path):
    """The page's own script in a copy that lets a probe drag over the picture."""
    text = page.read_text(encoding="utf-8")
    own = text[text.rindex("<script>") :]
    drag = """<script>
    for (const one of document.querySelectorAll("details")) one.open = true;
    const svg = document.querySelector(".draw svg");
    svg.setPointerCapture = () => {};
    const area = svg.getBoundingClientRect();
    const at = (kind, x, y) => svg.dispatchEvent(new PointerEvent(kind, {
      clientX: area.left + (x + 0.5) / 160 * area.width,
      clientY: area.top + (y + 0.5) / 120 * area.height,
      pointerId: 1, bubbles: true, cancelable: true,
    }));
    const command = document.querySelector(".command");
    const said = () => command.querySelector("code").textContent.trim() + " " +
      (command.querySelector("button").disabled ? "disabled" : "enabled");
    const type = (value) => {
      const left = document.querySelector(".numbers input");
      left.value = value;
      left.dispatchEvent(new Event("input"));
    };
    const all = [said()];
    at("pointerdown", 100, 90); at("pointermove", 20, 30); at("pointerup", 20, 30);
    all.push(said()); type(25); all.push(said()); type(100); all.push(said());
    document.title = all.join(" | ");
    </script>"""
    probe = page.with_name("probe.html")
    probe.write_text(
        re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace(
            own, own.replace("</script>", f"</script>{drag}", 1)
        ),
        encoding="utf-8",
    )
    dom, said = browse(probe, tmp_path, "--dump-dom", "--window-size=1200,900")
    assert said == []
    found = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
    assert found is not None
    before, after, typed, back = (part.strip() for part in found[1].split("|"))
    assert before.endswith("--box X0,Y0,X1,Y1 disabled")
    assert after.endswith("--box 20,30,100,90 enabled")
    assert typed.endswith("--box 25,30,100,90 enabled")
    assert back.endswith("--box X0,Y0,X1,Y1 disabled")  # a box without width is none
