"use strict";

const element = (id) => document.getElementById(id);
const root = document.documentElement;
const TICK_PIXELS = 44; // of width, for a label
const NARROW_PIXELS = 560;
const PRINTED_PIXELS = 680; // of width, on paper

async function inflated(id) {
  const bytes = Uint8Array.from(atob(element(id).textContent), (each) => each.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// A figure's colours var(--name) are the page's, which depend on dark mode and printing.
function coloured(value, style) {
  if (typeof value === "string") {
    const name = /^var\((--[\w-]+)\)$/.exec(value);
    return name ? style.getPropertyValue(name[1]).trim() : value;
  }
  if (Array.isArray(value)) return value.map((each) => coloured(each, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, coloured(each, style)]));
}

// Leave out ticks whose labels would touch the one before.
function thinned(axis, pixels) {
  if (!axis || !axis.tickvals || axis.type !== "log") return;
  const [low, high] = axis.range;
  const kept = [];
  let last = -Infinity;
  axis.tickvals.forEach((value, index) => {
    const place = ((Math.log10(value) - low) / (high - low)) * pixels;
    if (place - last >= TICK_PIXELS) {
      kept.push(index);
      last = place;
    }
  });
  axis.tickvals = kept.map((index) => axis.tickvals[index]);
  axis.ticktext = kept.map((index) => axis.ticktext[index]);
}

function drawFigure(id, figure) {
  const place = element(id);
  const spec = coloured(structuredClone(figure), getComputedStyle(root));
  const most = root.hasAttribute("data-printing") ? PRINTED_PIXELS : Infinity;
  const width = Math.min(place.clientWidth, most);
  const isNarrow = width < NARROW_PIXELS;
  if (isNarrow && spec.layout.margin) spec.layout.margin.l = 46;
  const margin = spec.layout.margin || { l: 0, r: 0 };
  for (const [name, axis] of Object.entries(spec.layout)) {
    if (/^xaxis\d*$/.test(name)) thinned(axis, width - margin.l - margin.r);
    if (isNarrow && /^[xy]axis\d*$/.test(name) && axis.title) axis.title.font = { size: 12 };
  }
  spec.layout.width = width;
  spec.layout.height = place.clientHeight;
  const isTouched = matchMedia("(hover: none)").matches;
  if (isTouched) spec.layout.dragmode = false; // the page scrolls
  return Plotly.react(place, spec.data, spec.layout, { displayModeBar: false });
}

function drawAll(figures) {
  return Promise.all(Object.entries(figures).map(([id, figure]) => drawFigure(id, figure)));
}

function redrawOnChanges(figures, afterwards) {
  let width = innerWidth;
  let height = innerHeight;
  let timer = 0;
  const again = () => drawAll(figures).then(afterwards);
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const isHigher = Math.abs(innerHeight - height) > 120; // not a phone's bar that hides
      if (innerWidth === width && !isHigher) return;
      [width, height] = [innerWidth, innerHeight];
      again();
    }, 150);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  const print = (isPrinting) => {
    root.toggleAttribute("data-printing", isPrinting);
    again();
  };
  matchMedia("print").addEventListener("change", (event) => print(event.matches));
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
}

function copyOnClick() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(element(button.dataset.copy).textContent);
      button.textContent = "copied";
    });
  }
}

// A served page asks for a newer version, and begins again with what is pinned.
function followServer() {
  const version = document.body.dataset.version;
  if (!version) return;
  const timer = setInterval(async () => {
    try {
      const answer = await fetch("version", { cache: "no-store" });
      if (answer.ok && (await answer.text()) !== version) location.reload();
    } catch {
      clearInterval(timer);
      element("server-gone").hidden = false;
    }
  }, 3000);
}

async function main() {
  copyOnClick();
  followServer();
  if (!("DecompressionStream" in window)) {
    element("old-browser").hidden = false;
    return;
  }
  const content = JSON.parse(await inflated("content"));
  const script = document.createElement("script");
  script.textContent = await inflated("plotly");
  document.head.append(script);
  await drawAll(content.figures);
  const networks = new Networks(content.cards);
  networks.show();
  redrawOnChanges(content.figures, () => networks.markFocus());
  document.body.dataset.ready = "true";
}

main();
