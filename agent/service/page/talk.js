// The page Talk: a live conversation over /v1/realtime.

import { showAppraisal } from "./appraisal.js";
import { byId, headers, key, make, request, show } from "./api.js";
import { drawLanes } from "./lanes.js";

const RATE = 24000;
const FRAME_MS = 250;
const WINDOW_S = 30;
const THREAD = "omnisense-thread";
const STATES = { off: "not connected", listening: "listening", thinking: "thinking", speaking: "speaking" };

let socket = null;
let microphone = null; // { stream, context }
let frames = 0; // the timer of camera frames
let player = null;
let lanes = [];
let began = 0;

const send = (event) => {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(event));
};

function thread() {
  if (!sessionStorage.getItem(THREAD)) sessionStorage.setItem(THREAD, `web-${crypto.randomUUID().slice(0, 8)}`);
  return sessionStorage.getItem(THREAD);
}

// --- the connection ---------------------------------------------------------------------------------------------

/** Connect, if there is no connection; resolves once the server has the settings. */
function connect() {
  if (socket) return socket.ready;
  const address = new URL("v1/realtime", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const protocols = key() ? ["realtime", `openai-insecure-api-key.${key()}`] : ["realtime"];
  socket = new WebSocket(address, protocols);
  const opened = socket;
  began = performance.now() / 1000;
  lanes = [];
  socket.ready = new Promise((resolve, reject) => {
    opened.onopen = () => {
      send({ type: "session.update", session: { type: "realtime", omnisense: { thread_id: thread() } } });
    };
    opened.onclose = (event) => {
      reject(new Error(event.reason || "the connection was closed"));
      if (socket === opened) ended(event.reason);
    };
    opened.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event.type === "session.updated") resolve();
      follow(event);
    };
  });
  opened.ready.catch(() => {});
  return opened.ready;
}

function ended(reason) {
  socket = null;
  stopMicrophone();
  player?.drop();
  setState("off");
  if (reason) show(byId("talk-error"), `The conversation ended: ${reason}.`);
}

function setState(state) {
  byId("talk-state").dataset.state = state;
  byId("talk-state").textContent = STATES[state];
  byId("talk-interrupt").disabled = state !== "speaking" && state !== "thinking";
}

// --- what the server tells --------------------------------------------------------------------------------------

const HANDLERS = {
  "omnisense.state": (event) => setState(event.state),
  "omnisense.partial": (event) => {
    byId("talk-partial").textContent = event.text;
  },
  "omnisense.turn": (event) => {
    byId("talk-partial").textContent = "";
    const alone = ["", "voice-1"].includes(event.speaker); // others have names that were told, or voice-2 and so on
    addTurn("person", alone ? "you" : event.speaker, event.text, event.item_id);
  },
  "input_audio_buffer.speech_started": () => openPart("speech", "you", "speaks"),
  "input_audio_buffer.speech_stopped": () => closePart("speech"),
  "conversation.item.input_audio_transcription.completed": (event) => {
    const lane = lanes.find((found) => found.kind === "speech");
    if (lane?.parts.length) lane.parts.at(-1).label = event.transcript;
  },
  "omnisense.percepts": (event) => event.events.forEach(notice),
  "omnisense.backchannel": (event) => addPart("speech", "you", now() - 0.5, now(), event.text || "mhm", 0.5),
  "omnisense.appraisal": (event) => byId("talk-appraisal").replaceChildren(...showAppraisal(event.appraisal)),
  "omnisense.safety": (event) => {
    if (event.escalate) document.dispatchEvent(new CustomEvent("help", { detail: event.help }));
  },
  "response.created": (event) => {
    addTurn("agent", "OmniSense", "", event.response.id);
    openPart("agent", "", "speaks");
  },
  "response.output_audio_transcript.delta": addWords,
  "response.output_text.delta": addWords,
  "response.output_audio.delta": (event) => player?.play(event.delta),
  "omnisense.reply_paused": () => player?.drop(),
  "omnisense.turn_recorded": (event) => {
    const turn = byId(`turn-${event.response_id}`);
    if (event.interrupted) {
      player?.drop();
      turn.classList.add("cut");
      turn.lastChild.textContent = event.reply || "\u2026";
    }
    closePart("agent");
  },
  error: (event) => show(byId("talk-error"), event.error.message),
};

function follow(event) {
  HANDLERS[event.type]?.(event);
}

function addWords(event) {
  const turn = byId(`turn-${event.response_id}`);
  turn.lastChild.textContent += event.delta;
  turn.scrollIntoView({ block: "nearest" });
  const lane = lanes.find((found) => found.kind === "agent");
  if (lane?.parts.length) lane.parts.at(-1).label = turn.lastChild.textContent;
}

function addTurn(who, name, text, id) {
  const known = byId(`turn-${id}`);
  if (known) {
    known.lastChild.textContent = text;
    return;
  }
  const turn = make("li", { class: who, id: `turn-${id}` }, make("b", {}, name), make("span", {}, text));
  byId("talk-log").append(turn);
  turn.scrollIntoView({ block: "nearest" });
}

// --- lanes of what is heard and seen --------------------------------------------------------------------------------

const now = () => performance.now() / 1000 - began;

function laneOf(kind, who) {
  let lane = lanes.find((found) => found.kind === kind && found.who === who);
  if (!lane) lanes.push((lane = { kind, who, parts: [] }));
  return lane;
}

function addPart(kind, who, start_s, end_s, label, confidence) {
  laneOf(kind, who).parts.push({ start_s, end_s, label, confidence, event: "" });
}

function openPart(kind, who, label) {
  laneOf(kind, who).parts.push({ start_s: now(), end_s: Infinity, label, confidence: 0.9, event: "" });
}

function closePart(kind) {
  for (const lane of lanes.filter((found) => found.kind === kind)) {
    for (const part of lane.parts) if (part.end_s === Infinity) part.end_s = now();
  }
}

/** An event that was seen: an expression holds until the next one of the same face. */
function notice(event) {
  if (event.channel === "speech") return;
  const score = /\((0\.\d+|1\.00)\)/.exec(event.text);
  const looks = /looks /.test(event.text) && score;
  const kind = looks ? "expression" : event.channel === "face" ? "gestures" : event.channel;
  const label = event.text.replace(/^the (face|person)[^:]*? (looks|is) /, "$2 ").replace(/ \((0\.\d+|1\.00)\)/, "");
  const lane = laneOf(kind, event.who);
  const last = lane.parts.at(-1);
  if (looks && last?.end_s === Infinity) last.end_s = now();
  const end = looks ? Infinity : now() + Math.max(0.6, event.end_s - event.start_s);
  lane.parts.push({ start_s: now(), end_s: end, label, confidence: score ? Number(score[1]) : 0.6, event: "" });
}

function redraw() {
  if (!socket || byId("talk").hidden || !lanes.length) return;
  const at = now();
  for (const lane of lanes) lane.parts = lane.parts.filter((part) => part.end_s > at - WINDOW_S);
  const shown = lanes.map((lane) => ({
    ...lane,
    parts: lane.parts.map((part) => ({ ...part, end_s: Math.min(part.end_s, at) })),
  }));
  drawLanes(byId("talk-lanes"), shown, Math.max(0, at - WINDOW_S), Math.max(at, WINDOW_S));
}

// --- sound and pictures -----------------------------------------------------------------------------------------------

async function startMicrophone() {
  const camera = byId("talk-camera").checked;
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio, video: camera && { width: 640, height: 480 } });
  } catch (error) {
    if (!camera) throw error;
    stream = await navigator.mediaDevices.getUserMedia({ audio }); // without a camera one can still talk
    byId("talk-camera").checked = false;
  }
  const context = new AudioContext();
  await context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
  const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => {
    send({ type: "input_audio_buffer.append", audio: base64(new Uint8Array(data.pcm.buffer)) });
    const level = Math.round(Math.min(1, Math.sqrt(data.peak)) * 100);
    byId("talk-level").firstElementChild.style.width = `${level}%`;
    byId("talk-level").setAttribute("aria-valuenow", level);
  };
  context.createMediaStreamSource(stream).connect(node);
  microphone = { stream, context };
  if (stream.getVideoTracks().length) startCamera(stream);
}

function startCamera(stream) {
  const preview = byId("talk-preview");
  preview.srcObject = stream;
  preview.hidden = false;
  preview.play();
  const canvas = document.createElement("canvas");
  frames = setInterval(() => {
    if (!preview.videoWidth || (socket?.bufferedAmount ?? 0) > 200_000) return; // a slow line gets fewer frames
    canvas.width = 480;
    canvas.height = Math.round((480 * preview.videoHeight) / preview.videoWidth);
    canvas.getContext("2d").drawImage(preview, 0, 0, canvas.width, canvas.height);
    const content = [{ type: "input_image", image_url: canvas.toDataURL("image/jpeg", 0.8) }];
    send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  }, FRAME_MS);
}

function stopMicrophone() {
  clearInterval(frames);
  microphone?.stream.getTracks().forEach((track) => track.stop());
  microphone?.context.close();
  microphone = null;
  byId("talk-preview").hidden = true;
  byId("talk-preview").srcObject = null;
  byId("talk-level").firstElementChild.style.width = "0";
  byId("talk-toggle").textContent = "Start talking";
  byId("talk-toggle").setAttribute("aria-pressed", "false");
}

function base64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text);
}

/** Plays pieces of sound one after the other. */
class Player {
  constructor() {
    this.context = new AudioContext({ sampleRate: RATE });
    this.until = 0;
    this.sources = new Set();
  }

  play(delta) {
    const bytes = Uint8Array.from(atob(delta), (letter) => letter.charCodeAt(0));
    const samples = Float32Array.from(new Int16Array(bytes.buffer), (value) => value / 32768);
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    this.until = Math.max(this.until, this.context.currentTime + 0.02);
    source.start(this.until);
    this.until += buffer.duration;
    this.sources.add(source);
    source.onended = () => this.sources.delete(source);
  }

  /** Be silent at once, and forget what was not played. */
  drop() {
    for (const source of this.sources) source.stop();
    this.sources.clear();
    this.until = 0;
  }
}

// --- what the person does -----------------------------------------------------------------------------------------------

async function toggle() {
  show(byId("talk-error"), "");
  if (microphone) {
    stopMicrophone();
    return;
  }
  try {
    player ??= new Player();
    await player.context.resume();
    await connect();
    await startMicrophone();
    byId("talk-toggle").textContent = "Stop the microphone";
    byId("talk-toggle").setAttribute("aria-pressed", "true");
    if (byId("talk-state").dataset.state === "off") setState("listening");
  } catch (error) {
    const denied = error.name === "NotAllowedError" || error.name === "NotFoundError";
    const remedy = denied ? "There is no microphone, or this page may not use it. You can write instead." : error.message;
    show(byId("talk-error"), remedy);
  }
}

function interrupt() {
  player?.drop();
  send({ type: "response.cancel" });
}

async function write(event) {
  event.preventDefault();
  const text = byId("talk-text").value.trim();
  if (!text) return;
  show(byId("talk-error"), "");
  try {
    player ??= new Player();
    await player.context.resume();
    await connect();
  } catch (error) {
    show(byId("talk-error"), error.message);
    return;
  }
  byId("talk-text").value = "";
  player.drop();
  const content = [{ type: "input_text", text }];
  send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  send({ type: "response.create" });
}

async function forget() {
  const name = thread();
  const open = socket;
  socket = null;
  stopMicrophone();
  player?.drop();
  setState("off");
  if (open && open.readyState !== WebSocket.CLOSED) {
    await new Promise((resolve) => {
      open.addEventListener("close", resolve);
      open.close();
    });
  }
  try {
    const answer = await fetch(`v1/threads/${encodeURIComponent(name)}`, { method: "DELETE", headers: headers() });
    if (!answer.ok && answer.status !== 404) throw new Error((await answer.json()).error.message);
    sessionStorage.removeItem(THREAD);
    byId("talk-log").replaceChildren();
    byId("talk-appraisal").replaceChildren(make("p", { class: "quiet" }, "Nothing yet."));
    byId("talk-lanes").replaceChildren(make("figcaption", { class: "quiet" }, "Nothing yet."));
    byId("talk-deleted").textContent = "Deleted: nothing of this conversation is kept.";
    byId("talk-thread").textContent = thread();
  } catch (error) {
    show(byId("talk-error"), `It could not be deleted: ${error.message}`);
  }
}

/** Show what is kept of the conversation of this tab. */
async function restore() {
  const known = await request("v1/threads").catch(() => ({ data: [] }));
  if (!known.data.some((found) => found.thread_id === thread())) return;
  const kept = await request(`v1/threads/${encodeURIComponent(thread())}`);
  kept.items.forEach((turn, i) => {
    addTurn("person", "you", turn.heard, `kept-${i}-person`);
    addTurn("agent", "OmniSense", turn.reply, `kept-${i}-agent`);
    if (turn.interrupted) byId(`turn-kept-${i}-agent`).classList.add("cut");
  });
}

export function startTalk() {
  byId("talk-thread").textContent = thread();
  byId("talk-toggle").addEventListener("click", toggle);
  byId("talk-interrupt").addEventListener("click", interrupt);
  byId("talk-form").addEventListener("submit", write);
  byId("talk-delete").addEventListener("click", forget);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !byId("talk-interrupt").disabled) interrupt();
  });
  setInterval(redraw, 250);
  restore();
}
