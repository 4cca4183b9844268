// What a reply rests on: the conclusions, how sure they are, and the events that they cite.

import { make, percent } from "./api.js";

const SHOWN = ["emotion", "context", "need", "strategy"];

/**
 * Make the elements that show an appraisal.
 *
 * @param appraisal of the server.
 * @param onCite called with a cited event when it is chosen; without it citations are plain text.
 */
export function showAppraisal(appraisal, onCite) {
  const emotion = appraisal.emotion;
  const shares = Object.entries(emotion.probabilities ?? {}).sort((a, b) => b[1] - a[1]).slice(0, 4);
  const bars = make("div", { class: "bars", "aria-label": "how sure it is of the feeling" });
  for (const [name, share] of shares) {
    const bar = make("span", { class: "bar" }, make("i", { style: `width:${percent(share)}` }));
    bars.append(make("span", {}, name), bar, make("span", {}, percent(share)));
  }
  const facts = make("dl", { class: "facts" });
  for (const name of SHOWN) {
    const found = appraisal[name];
    if (found.value === "unknown") continue;
    const sure = found.confidence < 0.5 ? " (not sure)" : "";
    facts.append(make("dt", {}, `${name}: ${found.value}${sure}`));
    const same = name !== "emotion" && ids(found.evidence) === ids(emotion.evidence);
    facts.append(make("dd", {}, same ? make("span", { class: "quiet" }, "from the same evidence") : cites(found.evidence, onCite)));
  }
  const conflict = emotion.conflict ? make("p", { class: "error" }, `The channels disagree: ${emotion.conflict}`) : null;
  return [...(shares.length ? [bars] : []), ...(conflict ? [conflict] : []), facts];
}

const ids = (evidence) => evidence.map((span) => span.id).join(" ");

function cites(evidence, onCite) {
  const row = make("div", { class: "cites" });
  for (const span of evidence) {
    const when = span.start_s === null ? "" : `${span.start_s.toFixed(1)}-${span.end_s.toFixed(1)} s `;
    const kind = span.text.startsWith("conflict: ") ? "conflict" : "";
    const text = span.id === "typed" ? "what you wrote" : `${when}${span.text}`;
    if (onCite && span.start_s !== null) {
      row.append(make("button", { type: "button", class: kind, "data-event": span.id, onclick: () => onCite(span) }, text));
    } else row.append(make("span", { class: kind }, text));
  }
  return row;
}
