// The page Runs: evaluation runs, their questions by task and outcome, one in detail, two runs side by side.

import { byId, headers, key, make, request, show } from "./api.js";

const PAGE = 50;
const REFRESH_MS = 5000; // a run that is being written grows
const OUTCOMES = ["right", "partly right", "wrong", "unreadable", "error"];
let offset = 0;
let chosen = null;

const path = (run) => `v1/runs/${run.split("/").map(encodeURIComponent).join("/")}`;
const classOf = (outcome) => ({ right: "right", wrong: "wrong", error: "error-outcome" })[outcome] ?? "";

async function list() {
  const runs = (await request("v1/runs")).data;
  for (const id of ["runs-first", "runs-second"]) {
    const select = byId(id);
    const before = select.value;
    const options = runs.map((run) =>
      make("option", { value: run.run }, `${run.system || run.run} (${run.records} of ${run.questions}) ${run.run}`),
    );
    if (id === "runs-second") options.unshift(make("option", { value: "" }, "none"));
    select.replaceChildren(...options);
    if ([...select.options].some((option) => option.value === before)) select.value = before;
  }
  return runs.length > 0;
}

async function refresh() {
  const focused = document.activeElement;
  // Neither close an open choice nor take the focus from a row.
  if (byId("runs").hidden || focused.tagName === "SELECT" || byId("runs-rows").contains(focused)) return;
  try {
    if (!(await list())) {
      byId("runs-counts").textContent = "There are no runs here. Name their folder: omnisense serve --runs FOLDER";
      return;
    }
    await fill();
    show(byId("runs-error"), "");
  } catch (error) {
    show(byId("runs-error"), error.message);
  }
}

async function fill() {
  const [first, second] = [byId("runs-first").value, byId("runs-second").value];
  const query = new URLSearchParams({ offset, limit: PAGE });
  if (byId("runs-task").value) query.set("task", byId("runs-task").value);
  if (byId("runs-outcome").value) query.set("outcome", byId("runs-outcome").value);
  const found = await request(`${path(first)}/records?${query}`);
  fillSelect(byId("runs-task"), "all tasks", Object.entries(found.tasks).map(([name, count]) => [name, `${name} (${count})`]));
  fillSelect(byId("runs-outcome"), "all", OUTCOMES.map((name) => [name, `${name} (${found.outcomes[name]})`]));
  const last = Math.min(offset + PAGE, found.total);
  byId("runs-counts").textContent = found.total ? `${offset + 1} to ${last} of ${found.total}` : "no such questions";
  byId("runs-back").disabled = offset === 0;
  byId("runs-next").disabled = last >= found.total;
  const others = second ? await outcomesOf(second, found.data) : null;
  const names = ["Question", "Task", "Answer", "Right answer", "Outcome", ...(others ? ["Other run"] : [])];
  byId("runs-head").replaceChildren(make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
  byId("runs-rows").replaceChildren(...found.data.map((record) => row(record, others)));
}

function fillSelect(select, all, options) {
  const before = select.value;
  const made = [["", all], ...options].map(([value, text]) => make("option", { value }, text));
  select.replaceChildren(...made);
  select.value = before;
}

/** Return the other run's outcomes of some questions. */
async function outcomesOf(run, records) {
  const wanted = await Promise.all(
    records.map((record) => request(`${path(run)}/records/${encodeURIComponent(record.id)}`).catch(() => null)),
  );
  return new Map(records.map((record, i) => [record.id, wanted[i]?.outcome ?? "not asked"]));
}

function row(record, others) {
  const open = make("button", { type: "button", onclick: () => choose(record.id) }, record.question || record.id);
  const cells = [open, record.task, record.answer || "-", record.gold];
  const made = make("tr", { "aria-selected": record.id === chosen ? "true" : "false" });
  made.append(...cells.map((cell) => make("td", {}, cell)), make("td", { class: classOf(record.outcome) }, record.outcome));
  if (others) made.append(make("td", { class: classOf(others.get(record.id)) }, others.get(record.id)));
  return made;
}

async function choose(id) {
  chosen = id;
  const shown = [];
  for (const run of [byId("runs-first").value, byId("runs-second").value].filter(Boolean)) {
    const record = await request(`${path(run)}/records/${encodeURIComponent(id)}`).catch(() => null);
    const parts = record ? await detail(run, record) : [make("p", {}, "It was not asked in this run.")];
    shown.push(make("section", { "aria-label": run }, make("h3", {}, run), ...parts));
  }
  byId("runs-record").replaceChildren(...shown);
  byId("runs-record").parentElement.classList.toggle("two", shown.length > 1);
  for (const found of byId("runs-rows").querySelectorAll("tr")) found.setAttribute("aria-selected", "false");
  await fill();
}

async function detail(run, record) {
  const parts = [];
  const place = `${path(run)}/records/${encodeURIComponent(record.id)}`;
  if (record.has_frames) parts.push(make("img", { src: await blob(`${place}/frames`), alt: "the frames that the model saw" }));
  for (const [number, medium] of (record.media ?? []).entries()) parts.push(await player(`${place}/media/${number}`, medium));
  parts.push(section("Question", [record.question, ...record.options].join("\n")));
  parts.push(section("Right answer", record.gold));
  const prompt = (record.messages ?? []).map((message) => `${message.role}:\n${message.text}`).join("\n\n");
  if (prompt) parts.push(make("details", {}, make("summary", {}, "Prompt"), make("pre", {}, prompt)));
  if (record.error) parts.push(section("Error", `${record.error.kind}: ${record.error.message}`));
  if (record.thinking) parts.push(section("Reasoning", record.thinking));
  if (record.reply) parts.push(section("Reply", record.reply));
  const score = record.official === null ? `${record.strict}` : `${record.strict}, by the authors' rule ${record.official}`;
  if (record.status === "answered") parts.push(section("Score", `${record.outcome}: ${score}. ${record.reason}`));
  const heard = [`${record.frames} frames`, `${record.audio_s.toFixed(1)} s of sound`, `${record.seconds.toFixed(2)} s`];
  parts.push(make("p", { class: "quiet" }, [...heard, ...record.notes].join("; ")));
  return parts;
}

function section(title, text) {
  return make("div", {}, make("strong", {}, title), make("pre", {}, text));
}

/** Make what plays a medium of the prompt, the part of it that the model was given. */
async function player(address, medium) {
  const part = medium.start_s === undefined ? "" : `#t=${medium.start_s},${medium.end_s}`;
  const tag = { video: "video", audio: "audio" }[medium.type] ?? "img";
  const source = key() ? await blob(address) : address;
  const name = `${medium.type}${part && `, ${medium.start_s} to ${medium.end_s} s`}${medium.with_audio ? ", with its sound" : ""}`;
  const shown = make(tag, tag === "img" ? { src: source, alt: name } : { src: source + part, controls: true, preload: "none" });
  return make("details", {}, make("summary", {}, name), shown);
}

async function blob(address) {
  const answer = await fetch(address, { headers: headers() });
  return answer.ok ? URL.createObjectURL(await answer.blob()) : "";
}

export function startRuns() {
  for (const id of ["runs-first", "runs-second", "runs-task", "runs-outcome"]) {
    byId(id).addEventListener("change", () => {
      offset = 0;
      if (id === "runs-first") byId("runs-record").replaceChildren();
      fill().catch((error) => show(byId("runs-error"), error.message));
    });
  }
  byId("runs-back").addEventListener("click", () => turn(-PAGE));
  byId("runs-next").addEventListener("click", () => turn(PAGE));
  setInterval(refresh, REFRESH_MS);
  refresh();
}

function turn(by) {
  offset = Math.max(0, offset + by);
  fill().catch((error) => show(byId("runs-error"), error.message));
}
