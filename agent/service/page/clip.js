// The page Clip: upload, follow the perception, ask, and see what the reply rests on.

import WaveSurfer from "./vendor/wavesurfer/wavesurfer.esm.js";
import Regions from "./vendor/wavesurfer/regions.esm.js";
import { showAppraisal } from "./appraisal.js";
import { byId, headers, key, make, request, show, stream, upload } from "./api.js";
import { describePart, drawLanes } from "./lanes.js";

const STREAMS = ["visual", "audio", "transcript"];
const MAX_WAVE_S = 1800; // the browser decodes the whole file for its waveform
let shown = null; // { id, media, view, lanes, wave, regions }

async function add(file) {
  show(byId("clip-error"), "");
  byId("clip-view").hidden = true;
  byId("clip-progress").hidden = false;
  byId("clip-upload").value = 0;
  byId("clip-streams").replaceChildren();
  try {
    const clip = await upload(file, (share) => (byId("clip-upload").value = 100 * share));
    await follow(clip.id);
  } catch (error) {
    show(byId("clip-error"), error.message);
  } finally {
    byId("clip-progress").hidden = true;
    await list();
  }
}

/** Show the streams as they are done, then the clip. */
async function follow(id) {
  let last = null;
  for await (const clip of stream(`v1/clips/${id}/events`)) {
    if (!clip.streams) throw new Error(clip.error.message);  // it was deleted meanwhile
    last = clip;
    const lines = STREAMS.map((name) => {
      const done = clip.streams[name];
      if (!done) return make("li", {}, `${name}: working`);
      return make("li", {}, done.missing ? `${name}: missing (${done.missing})` : `${name}: done in ${done.seconds.toFixed(1)} s`);
    });
    byId("clip-streams").replaceChildren(...lines);
  }
  if (last?.status === "failed") throw new Error(last.error);
  await open(last);
}

async function list() {
  const clips = (await request("v1/clips")).data;
  byId("clip-list").replaceChildren(
    ...clips.map((clip) => {
      const told = clip.status === "ready" ? `${clip.duration_s.toFixed(1)} s` : clip.status;
      const openIt = () => follow(clip.id).catch((error) => show(byId("clip-error"), error.message));
      return make(
        "li",
        {},
        make("span", {}, `${clip.name} (${told})`),
        make("button", { type: "button", disabled: clip.status === "failed", onclick: openIt }, "Open"),
        make("button", { type: "button", onclick: () => remove(clip), "aria-label": `Delete ${clip.name}` }, "Delete"),
      );
    }),
  );
}

async function remove(clip) {
  await request(`v1/clips/${clip.id}`, { method: "DELETE" }).catch((error) => show(byId("clip-error"), error.message));
  if (shown?.id === clip.id) {
    close();
    byId("clip-view").hidden = true;
  }
  await list();
}

function close() {
  shown?.wave?.destroy();
  if (shown?.url) URL.revokeObjectURL(shown.url);
  shown = null;
}

async function open(clip) {
  close();
  const view = await request(`v1/clips/${clip.id}/timeline`);
  byId("clip-view").hidden = false;
  byId("clip-name").textContent = clip.name;
  byId("clip-reply").replaceChildren();
  byId("clip-stage").textContent = "";
  const missing = Object.entries(view.missing).map(([name, reason]) => `No ${name}: ${reason}.`);
  byId("clip-heading").textContent = [view.heading, ...missing].join(" ");
  let url = `v1/clips/${clip.id}/content`;
  let blob = null;
  if (key()) {
    blob = URL.createObjectURL(await (await fetch(url, { headers: headers() })).blob());
    url = blob;
  }
  const tag = { video: "video", audio: "audio", image: "img" }[view.kind];
  const media = make(tag, tag === "img" ? { src: url, alt: clip.name } : { src: url, controls: true, preload: "auto" });
  byId("clip-player").replaceChildren(media);
  shown = { id: clip.id, view, media, url: blob, lanes: null, cited: "", wave: null, regions: null };
  draw();
  if (tag === "img") return;
  media.addEventListener("timeupdate", () => shown?.lanes.setTime(media.currentTime));
  if (view.duration_s <= MAX_WAVE_S && !("audio" in view.missing)) drawWave(media);
}

function drawWave(media) {
  const style = getComputedStyle(document.documentElement);
  const regions = Regions.create();
  const wave = WaveSurfer.create({
    container: byId("clip-wave"),
    media,
    height: 56,
    waveColor: style.getPropertyValue("--quiet").trim(),
    progressColor: style.getPropertyValue("--accent").trim(),
    plugins: [regions],
  });
  wave.on("error", () => {
    wave.destroy(); // a codec that the browser cannot decode: the lanes are there all the same
  });
  shown.wave = wave;
  shown.regions = regions;
}

function draw() {
  if (!shown) return;
  const { view } = shown;
  shown.lanes = drawLanes(byId("clip-lanes"), view.lanes, 0, Math.max(view.duration_s, 0.1), (part, lane) => {
    seek(part.start_s, part.end_s);
    mark(part.event);
    byId("clip-detail").textContent = describePart(part, lane);
  });
  if (shown.cited) shown.lanes.cite(shown.cited);
  if (!view.lanes.length) byId("clip-lanes").replaceChildren(make("figcaption", { class: "quiet" }, "Nothing was found."));
}

function seek(start_s, end_s) {
  if ("currentTime" in shown.media) shown.media.currentTime = start_s;
  shown.lanes.setTime(start_s);
  shown.regions?.clearRegions();
  if (shown.regions && end_s > start_s) {
    shown.regions.addRegion({ start: start_s, end: end_s, color: "rgba(184, 115, 10, 0.3)", drag: false, resize: false });
  }
}

function mark(event) {
  shown.cited = event;
  shown.lanes.cite(event);
}

/** A citation was chosen: show where it is. */
function cite(span) {
  seek(span.start_s, span.end_s);
  mark(span.id);
  byId("clip-detail").textContent = `${span.start_s.toFixed(1)} to ${span.end_s.toFixed(1)} s: ${span.text}`;
}

async function ask(event) {
  event.preventDefault();
  const text = byId("clip-text").value.trim();
  const content = [{ type: "video_url", video_url: { url: `clip:${shown.id}` } }];
  if (text) content.unshift({ type: "text", text });
  const body = { model: "omnisense", stream: true, messages: [{ role: "user", content }], omnisense: { events: true } };
  byId("clip-reply").replaceChildren();
  byId("clip-stage").textContent = "thinking";
  let reply = "";
  try {
    const options = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    for await (const chunk of stream("v1/chat/completions", options)) {
      if (chunk.error) throw new Error(chunk.error.message);
      const stage = chunk.omnisense?.event;
      if (stage?.name) byId("clip-stage").textContent = `done: ${stage.name}`;
      reply += chunk.choices[0]?.delta.content ?? "";
      if (chunk.omnisense?.appraisal) answer(reply, chunk.omnisense);
    }
    byId("clip-stage").textContent = "";
  } catch (error) {
    byId("clip-stage").textContent = "";
    show(byId("clip-error"), error.message);
  }
}

function answer(reply, evidence) {
  const parts = evidence.safety.category ? [] : showAppraisal(evidence.appraisal, cite);
  byId("clip-reply").replaceChildren(make("p", { class: "answer" }, reply), ...parts);
  if (evidence.safety.escalate) document.dispatchEvent(new CustomEvent("help", { detail: reply }));
}

export function startClip(info) {
  const file = byId("clip-file");
  const drop = byId("clip-drop");
  byId("clip-keeps").textContent =
    `Up to ${info.max_upload_mb} MiB. A clip and what was perceived in it are kept on this server for ` +
    `${info.upload_hours} hours, or until you delete it.`;
  file.addEventListener("change", () => {
    if (file.files.length) add(file.files[0]);
    file.value = "";
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) add(event.dataTransfer.files[0]);
    });
  }
  byId("clip-ask").addEventListener("submit", ask);
  window.addEventListener("resize", draw);
  list().catch((error) => show(byId("clip-error"), error.message));
}
