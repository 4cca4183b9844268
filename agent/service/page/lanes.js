// Lanes of a timeline as SVG: one row for each kind and person, a box for each part, the surer the more opaque.

const SVG = "http://www.w3.org/2000/svg";
const NAME = 128;
const ROW = 26;
const COLORS = new Set(["speech", "expression", "tone", "gestures", "speaking", "conflict", "agent"]);
const TITLES = { speaking: "who is talking", conflict: "conflict" };

function draw(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * Draw lanes into a figure.
 *
 * @param figure where; its former content is removed.
 * @param lanes [{kind, who, parts: [{start_s, end_s, label, confidence, event}]}].
 * @param from,to the seconds that are shown.
 * @param onPart called with a part and its lane when it is chosen; without it parts cannot be chosen.
 * @returns {setTime, cite} to move the playhead and to mark the part of an event.
 */
export function drawLanes(figure, lanes, from, to, onPart) {
  const width = Math.max(figure.clientWidth, 320);
  const height = lanes.length * ROW + 20;
  const scale = (seconds) => NAME + ((seconds - from) / Math.max(to - from, 0.1)) * (width - NAME - 4);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, height, role: onPart ? "group" : "img" });
  svg.setAttribute("aria-label", `timeline from ${from.toFixed(0)} to ${to.toFixed(0)} seconds`);
  const groups = new Map();
  const ticks = draw("g", {});
  const every = [1, 2, 5, 10, 30, 60, 300, 600].find((seconds) => (to - from) / seconds <= width / 90) ?? 1800;
  for (let at = Math.ceil(from / every) * every; at <= to; at += every) {
    ticks.append(draw("line", { class: "tick", x1: scale(at), x2: scale(at), y1: 0, y2: height - 16 }));
    ticks.append(draw("text", { class: "name", x: Math.min(scale(at) + 2, width - 34), y: height - 4 }, clock(at)));
  }
  svg.append(ticks);
  lanes.forEach((lane, row) => {
    const y = row * ROW;
    svg.prepend(draw("rect", { class: "lane", x: NAME, y: y + 2, width: width - NAME, height: ROW - 4 }));
    const title = TITLES[lane.kind] ?? lane.kind;
    const name = draw("text", { class: "name", x: 0, y: y + 17 }, shorten(lane.who ? `${title}: ${lane.who}` : title, 20));
    name.append(draw("title", {}, `${title} ${lane.who}`));
    svg.append(name);
    for (const part of lane.parts) {
      if (part.end_s < from || part.start_s > to) continue;
      const x = scale(Math.max(part.start_s, from));
      const wide = Math.max(scale(Math.min(part.end_s, to)) - x, 4);
      const group = draw("g", { class: "part" });
      const color = COLORS.has(lane.kind) ? lane.kind : "own";
      const opacity = part.confidence === null ? 0.55 : 0.2 + 0.6 * part.confidence;
      const box = { x, y: y + 3, width: wide, height: ROW - 6, rx: 4, fill: `var(--${color})`, "fill-opacity": opacity };
      group.append(draw("rect", box));
      const text = lane.kind === "conflict" ? `\u26a0 ${part.label}` : part.label;
      if (wide > 34) group.append(draw("text", { x: x + 5, y: y + 17 }, shorten(text, Math.floor((wide - 8) / 6.6))));
      const said = describePart(part, lane);
      group.append(draw("title", {}, said));
      if (onPart) {
        group.setAttribute("tabindex", "0");
        group.setAttribute("role", "button");
        group.setAttribute("aria-label", said);
        const choose = () => onPart(part, lane);
        group.addEventListener("click", choose);
        group.addEventListener("keydown", (event) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            choose();
          }
        });
      }
      if (part.event) groups.set(part.event, [...(groups.get(part.event) ?? []), group]);
      svg.append(group);
    }
  });
  const head = draw("line", { class: "head", x1: NAME, x2: NAME, y1: 0, y2: height - 14, visibility: "hidden" });
  svg.append(head);
  figure.replaceChildren(svg);
  return {
    setTime(seconds) {
      head.setAttribute("visibility", "visible");
      head.setAttribute("x1", scale(seconds));
      head.setAttribute("x2", scale(seconds));
    },
    cite(event) {
      for (const found of svg.querySelectorAll(".cited")) found.classList.remove("cited");
      for (const group of groups.get(event) ?? []) group.classList.add("cited");
      groups.get(event)?.[0].scrollIntoView({ block: "nearest", inline: "nearest" });
    },
  };
}

export function describePart(part, lane) {
  const sure = part.confidence === null ? "" : `, ${Math.round(part.confidence * 100)}% sure`;
  const who = lane.who ? `${lane.who}, ` : "";
  return `${lane.kind}: ${who}${part.start_s.toFixed(1)} to ${part.end_s.toFixed(1)} s: ${part.label}${sure}`;
}

function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function shorten(text, length) {
  if (text.length <= length) return text;
  return length > 2 ? `${text.slice(0, length - 1)}\u2026` : "";
}
