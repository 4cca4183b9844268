// Requests to this server. The key, where one is needed, stays in this tab.

const KEY = "omnisense-key";

export const key = () => sessionStorage.getItem(KEY) ?? "";
export const setKey = (value) => sessionStorage.setItem(KEY, value);
export const headers = () => (key() ? { Authorization: `Bearer ${key()}` } : {});

/** Return the JSON of a request; an error has the server's own message. */
export async function request(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  if (!answer.ok) throw await errorOf(answer);
  return answer.status === 204 ? null : answer.json();
}

async function errorOf(answer) {
  let message = `the server answered ${answer.status}`;
  try {
    message = (await answer.json()).error.message;
  } catch {
    // not an error in the server's form
  }
  if (answer.status === 401) document.dispatchEvent(new Event("key-needed"));
  return new Error(message);
}

/** Yield the JSON values of a stream of server-sent events. */
export async function* stream(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  if (!answer.ok) throw await errorOf(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.startsWith("data: ") ? event.slice(6) : "";
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

/** Upload a file; `onProgress` gets a number from 0 to 1. */
export function upload(file, onProgress) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", `v1/clips?name=${encodeURIComponent(file.name.slice(0, 200))}`);
    for (const [name, value] of Object.entries(headers())) sending.setRequestHeader(name, value);
    sending.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    sending.onerror = () => reject(new Error("the connection was lost"));
    sending.onload = () => {
      const answer = JSON.parse(sending.responseText || "{}");
      if (sending.status === 201) resolve(answer);
      else reject(new Error(answer.error?.message ?? `the server answered ${sending.status}`));
    };
    sending.send(file);
  });
}

/** Make an element; strings become text, never markup. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

export function show(element, message) {
  element.textContent = message ?? "";
  element.hidden = !message;
}

export const percent = (share) => `${Math.round(share * 100)}%`;
