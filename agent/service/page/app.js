// The frame of the page: which of the three pages is shown, the key, and help in an emergency.

import { byId, key, request, setKey, show } from "./api.js";
import { startClip } from "./clip.js";
import { startRuns } from "./runs.js";
import { startTalk } from "./talk.js";

const PAGES = { talk: startTalk, clip: startClip, runs: startRuns };
const started = new Set();

function open() {
  const name = location.hash.slice(1) in PAGES ? location.hash.slice(1) : "talk";
  for (const page of Object.keys(PAGES)) {
    byId(page).hidden = page !== name;
    const link = document.querySelector(`nav a[href="#${page}"]`);
    if (page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${name[0].toUpperCase()}${name.slice(1)} - OmniSense`;
  if (!started.has(name)) {
    started.add(name);
    PAGES[name](info);
  }
  document.dispatchEvent(new CustomEvent("page-opened", { detail: name }));
}

/** A person may be in danger: show help at once, whatever the page shows. */
function showHelp(event) {
  byId("help-text").textContent = event.detail;
  byId("help").hidden = false;
  byId("help").focus();
}

function askForKey() {
  if (!byId("key").open) byId("key").showModal();
}

document.addEventListener("help", showHelp);
document.addEventListener("key-needed", askForKey);
byId("help-close").addEventListener("click", () => {
  byId("help").hidden = true;
  byId("main").focus();
});
byId("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  setKey(byId("key-value").value.trim());
  const answer = await fetch("v1/models", { headers: { Authorization: `Bearer ${key()}` } });
  if (!answer.ok) {
    setKey("");
    show(byId("key-error"), "The server does not know this key.");
    return;
  }
  byId("key").close();
  location.reload();
});

const info = await request("v1/session-info");
byId("about").textContent = `policy ${info.policy}, voice ${info.voice}`;
window.addEventListener("hashchange", open);
open();
if (info.key_needed && !key()) askForKey();
