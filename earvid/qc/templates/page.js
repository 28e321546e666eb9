"use strict";
// Copy a command; by selecting it, which needs no permission, and leaves it selected if refused.
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(button.parentElement.querySelector("code"));
    const chosen = getSelection();
    chosen.removeAllRanges();
    chosen.addRange(range);
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
// Draw a box on a frame; it is in the command at once. Until then there is none to be copied, for
// the box that is shown may be what is wrong.
for (const draw of document.querySelectorAll(".draw")) {
  const svg = draw.querySelector("svg");
  const boxes = [...draw.querySelectorAll("rect.drawn")];
  const inputs = [...draw.querySelectorAll("input")];
  const target = document.getElementById(draw.dataset.numbers);
  const copy = document.getElementById(draw.dataset.copy);
  const first = inputs.map((input) => input.value).join(",");
  const view = svg.viewBox.baseVal;
  const show = (values) => {
    const [x0, y0, x1, y1] = values;
    const drawn = x1 > x0 && y1 > y0 && values.join(",") !== first;
    copy.disabled = !drawn;
    copy.title = drawn ? "" : "Draw or type the box first";
    for (const box of boxes) {
      for (const [name, value] of [["x", x0], ["y", y0], ["width", x1 - x0], ["height", y1 - y0]])
        box.setAttribute(name, drawn ? Math.max(0, value) : 0);
    }
    target.textContent = drawn ? values.join(",") : "X0,Y0,X1,Y1";
  };
  const typed = () => inputs.map((input) => Math.round(Number(input.value)));
  const put = (values) => { inputs.forEach((input, i) => { input.value = values[i]; }); show(values); };
  const at = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(svg.getScreenCTM().inverse());
    const fit = (value, size) => Math.min(size - 1, Math.max(0, Math.round(value)));
    return [fit(point.x, view.width), fit(point.y, view.height)];
  };
  let from = null;
  svg.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    from = at(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    const low = from.map((value, i) => Math.min(value, to[i]));
    const high = from.map((value, i) => Math.max(value, to[i]));
    if (high[0] - low[0] >= 2 && high[1] - low[1] >= 2) put([...low, ...high]);
  });
  for (const kind of ["pointerup", "pointercancel"])
    svg.addEventListener(kind, () => { from = null; });
  for (const input of inputs) input.addEventListener("input", () => show(typed()));
}
// Read values off the plots.
for (const plots of document.querySelectorAll(".plots")) {
  const data = JSON.parse(plots.querySelector("script").textContent);
  const strips = [...plots.querySelectorAll(".strip[data-strip]")];
  const head = plots.querySelector(".where");
  const clear = () => {
    head.textContent = "";
    for (const strip of strips) {
      strip.querySelector("output").textContent = "";
      strip.querySelector(".cursor").style.visibility = "hidden";
    }
  };
  const read = (event) => {
    const area = strips[0].querySelector("svg").getBoundingClientRect();
    const share = (event.clientX - area.left) / area.width;
    if (share < 0 || share >= 1) return clear();
    const column = Math.min(data.frames.length - 1, Math.floor(share * data.frames.length));
    head.textContent = `frame ${data.frames[column]} · ${data.times[column]}`;
    strips.forEach((strip, n) => {
      const values = data.series[n].map((line) => line[column]);
      strip.querySelector("output").textContent =
        values.map((value) => (value === null ? "–" : value)).join(" · ");
      const cursor = strip.querySelector(".cursor");
      const x = ((column + 0.5) / data.frames.length) * 1000;
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.style.visibility = "visible";
    });
  };
  plots.addEventListener("pointermove", read);
  plots.addEventListener("pointerleave", clear);
}
