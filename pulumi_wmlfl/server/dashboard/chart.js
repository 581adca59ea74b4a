// A line chart of one metric over the rounds: all parties' mean, and each party. Arrow keys read it round by round.

import { h, number, s, table } from "./dom.js";

const NARROW = matchMedia("(max-width: 44rem)");
const HEIGHT = 240;
const LEFT = 52;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 34;

function ticks(low, high, wanted) {
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

function roundTicks(first, last, wanted) {
  const found = ticks(first, last, wanted).filter(Number.isInteger);
  return found[0] === first || found[0] - first < (found[1] - found[0]) / 2 ? [first, ...found.slice(1)] : [first, ...found];
}

function range(lines) {
  const values = lines.flatMap((line) => line.points.map((point) => point[1]));
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (low === high) {
    const room = Math.abs(low) / 10 || 1;
    low -= room;
    high += room;
  }
  const margin = (high - low) * 0.06;
  return [low - (low >= 0 && low - margin < 0 ? low : margin), high + margin];
}

// A picture is never scaled much, so that its letters stay as large as the page's.
function widthOf() {
  return NARROW.matches ? 330 : 560;
}

export function onWidthChange(draw) {
  NARROW.addEventListener("change", draw);
}

export function chart(metric, rounds, ownModels) {
  const width = widthOf();
  const lines = [{ name: "Fused, mean of all parties", points: metric.mean, mean: true },
    ...metric.parties.map((party) => ({ name: party.name, points: ownModels ? party.own : party.points }))]
    .map((line, index) => ({ ...line, look: index }))
    .filter((line) => line.points.length);
  if (!lines.length) return null;
  const reached = Math.max(...lines.flatMap((line) => line.points.map((point) => point[0])));
  const first = Math.min(...lines.flatMap((line) => line.points.map((point) => point[0])));
  const last = Math.max(rounds || 1, reached, first + 1);
  const [low, high] = range(lines);
  const x = (round) => LEFT + ((round - first) / (last - first)) * (width - LEFT - RIGHT);
  const y = (value) => TOP + ((high - value) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const readout = h("p", { class: "readout", "aria-live": "polite" });
  const ruler = s("line", { class: "ruler", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  const picture = s("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", tabindex: 0, id: `chart-${metric.name}`,
    "aria-label": `${summary(metric.name, lines)} Arrow keys read it round by round.`,
  }, axes({ low, high, first, last, x, y, width }), [...lines].reverse().map((line) => drawn(line, x, y)), ruler);
  follow(picture, ruler, readout, { lines, x, first, reached, width });
  return h("figure", { class: "chart" },
    h("figcaption", {}, metric.name), picture, legend(lines, metric.parties_left_out), readout,
    h("details", { id: `numbers-${metric.name}` }, h("summary", {}, "Numbers"), numbers(metric.name, lines)));
}

function summary(name, lines) {
  const { points } = lines[0];
  const [round, value] = points[points.length - 1];
  return `${name}: ${number(points[0][1])} in round ${points[0][0]}, ${number(value)} in round ${round}.`;
}

function axes({ low, high, first, last, x, y, width }) {
  const rows = ticks(low, high, 4).map((value) => s("g", {},
    s("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
    s("text", { class: "tick", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, number(value))));
  const columns = roundTicks(first, last, width / 70).map((round) =>
    s("text", { class: "tick", x: x(round), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, String(round)));
  return [...rows, ...columns,
    s("text", { class: "tick", x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 1, "text-anchor": "middle" }, "round")];
}

function drawn(line, x, y) {
  const path = line.points.map(([round, value], index) => `${index ? "L" : "M"}${x(round).toFixed(1)} ${y(value).toFixed(1)}`);
  const [round, value] = line.points[line.points.length - 1];
  return s("g", { class: `line look-${line.look}` },
    s("path", { d: path.join("") }), s("circle", { cx: x(round), cy: y(value), r: line.mean ? 4 : 3 }));
}

function legend(lines, leftOut) {
  const items = lines.map((line) => h("li", {},
    s("svg", { viewBox: "0 0 26 8", class: `key line look-${line.look}`, "aria-hidden": "true" }, s("path", { d: "M1 4H25" })),
    h("span", { class: "who" }, line.name), h("b", {}, number(line.points[line.points.length - 1][1]))));
  return h("ul", { class: "legend" }, items, leftOut ? h("li", {}, `${leftOut} more parties are not drawn`) : null);
}

function follow(picture, ruler, readout, { lines, x, first, reached, width }) {
  let at = null;
  const show = (round) => {
    at = Math.min(reached, Math.max(first, round));
    const said = lines.flatMap((line) => line.points.filter((point) => point[0] === at).map((point) => `${line.name} ${number(point[1])}`));
    for (const end of ["x1", "x2"]) ruler.setAttribute(end, x(at));
    ruler.setAttribute("visibility", "visible");
    readout.textContent = `Round ${at}: ${said.join(", ") || "nothing was measured"}`;
  };
  const hide = () => {
    at = null;
    ruler.setAttribute("visibility", "hidden");
    readout.textContent = "";
  };
  const steps = { ArrowLeft: () => (at ?? reached + 1) - 1, ArrowRight: () => (at ?? first - 1) + 1, Home: () => first, End: () => reached };
  picture.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    if (!(event.key in steps)) return;
    event.preventDefault();
    show(steps[event.key]());
  });
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * width;
    show(Math.round(first + (place - LEFT) / (x(first + 1) - x(first))));
  });
  picture.addEventListener("pointerleave", hide);
  picture.addEventListener("blur", hide);
}

function numbers(name, lines) {
  const rounds = [...new Set(lines.flatMap((line) => line.points.map((point) => point[0])))].sort((a, b) => b - a);
  const values = lines.map((line) => new Map(line.points));
  return table(name, ["Round", ...lines.map((line) => line.name)],
    rounds.map((round) => [String(round), ...values.map((found) => (found.has(round) ? number(found.get(round)) : ""))]));
}
