"use strict";

/* The pages work without this file; with it they are live, keyboard-driven and never lose a draft.
   The socket is told which live parts the page shows and brings those that changed; what it cannot
   bring fetches itself: a topic becomes a `live:<topic>` event on <body>, and parts listen for theirs.
   `live:refresh` is for everybody: after a lost connection, or a wait. */

const body = document.body;
const RETRY_MS = [250, 500, 1000, 2000, 5000, 10000];

// Live connection

const OFFLINE_AFTER = 4;
const connection = document.getElementById("connection");
const missed = new Set();
let retries = 0;
let lostAt = null;
let socket = null;

function connectionWords(state) {
  if (state === "live") {
    return "Live";
  }
  if (state === "lost") {
    return "Reconnecting…";
  }
  const since = lostAt.toLocaleTimeString([], { timeStyle: "short", hourCycle: "h23" });
  return `Offline: this page is as of ${since}`;
}

function showConnection(state) {
  if (state !== "live") {
    // From the first loss on; a page that loads need not announce that it is live.
    connection.setAttribute("role", "status");
  }
  connection.hidden = false;
  connection.dataset.state = state;
  connection.querySelector(".dot").dataset.tone = { live: "ok", lost: "off" }[state] ?? "warn";
  const word = connection.querySelector("[data-word]");
  const words = connectionWords(state);
  if (word.textContent !== words) {
    word.textContent = words;
  }
}

const brought = new Set();
const again = new Set();

function announce(topics) {
  if (document.hidden) {
    topics.forEach((topic) => missed.add(topic));
    return;
  }
  topics.forEach((topic) => htmx.trigger(body, `live:${topic}`));
}

function showing() {
  const live = document.hidden ? [] : document.querySelectorAll("[id][hx-get][hx-trigger*='live:']");
  return [...live].map((element) => ({
    id: element.id,
    url: element.getAttribute("hx-get"),
    topics: [...element.getAttribute("hx-trigger").matchAll(/live:([\w:.-]+)/g)].map((m) => m[1]),
  }));
}

let told = "";
let since = Number(body.dataset.rendered);

function tell() {
  const shows = JSON.stringify(showing());
  if (socket?.readyState === WebSocket.OPEN && shows !== told) {
    told = shows;
    socket.send(JSON.stringify({ shows: JSON.parse(shows), since }));
    since = null;
  }
}

function bring({ id, url, html }) {
  const target = document.getElementById(id);
  if (document.hidden || target?.getAttribute("hx-get") !== url) {
    return;
  }
  if (target.classList.contains("htmx-request")) {
    // Its own request would answer an element that is gone, and may know less: ask once more.
    again.add(id);
    return;
  }
  const text = html.replaceAll('name="csrfmiddlewaretoken" value="', `$&${csrfToken()}`);
  const requestConfig = { triggeringEvent: new Event("live:brought") };
  const detail = { target, elt: target, requestConfig, serverResponse: text, shouldSwap: true };
  brought.add(id);
  if (htmx.trigger(target, "htmx:beforeSwap", detail) && detail.shouldSwap) {
    htmx.swap(target, text, { swapStyle: "outerHTML" }, { eventInfo: detail });
  }
}

function csrfToken() {
  return document.querySelector("[name=csrfmiddlewaretoken]").value;
}

body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (again.delete(detail.target.id)) {
    announce(["refresh"]);
  }
});

function receive({ topics, pushed, ...part }) {
  if (topics) {
    announce(topics);
    brought.clear();
  } else {
    bring(part);
  }
}

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live/`);
  socket.addEventListener("open", () => {
    retries = 0;
    showConnection("live");
    told = "";
    tell();
    if (lostAt) {
      announce(["refresh"]);
    }
    lostAt = null;
  });
  socket.addEventListener("message", (event) => receive(JSON.parse(event.data)));
  socket.addEventListener("close", (event) => {
    if (event.code === 4401) {
      location.reload();
      return;
    }
    lostAt ??= new Date();
    showConnection(!navigator.onLine || retries >= OFFLINE_AFTER ? "offline" : "lost");
    const wait = RETRY_MS[Math.min(retries, RETRY_MS.length - 1)];
    retries += 1;
    setTimeout(connect, wait * (0.5 + Math.random()));
  });
}

addEventListener("offline", () => {
  lostAt ??= new Date();
  showConnection("offline");
});

addEventListener("online", () => {
  retries = 0;
  if (socket.readyState === WebSocket.OPEN) {
    lostAt = null;
    showConnection("live");
    announce(["refresh"]);
  } else {
    showConnection("lost");
  }
});

document.addEventListener("visibilitychange", () => {
  tell();
  if (!document.hidden && missed.size) {
    const topics = [...missed];
    missed.clear();
    announce(topics);
  }
});

// A live update never takes away what the operator is in the middle of

function isBusy(element) {
  const typing = document.activeElement;
  return Boolean(
    element.querySelector("[data-dirty], [data-busy], :popover-open") ||
      (element.contains(typing) && typing.matches("textarea, input:not([type=hidden])")),
  );
}

function isLive(requestConfig) {
  return Boolean(requestConfig?.triggeringEvent?.type.startsWith("live:"));
}

function incomingVersion(html, id) {
  const incoming = new DOMParser().parseFromString(html, "text/html");
  return incoming.getElementById(id)?.dataset.version;
}

let catchUp = null;

function catchUpLater() {
  clearTimeout(catchUp);
  catchUp = setTimeout(() => {
    const stale = document.querySelectorAll("[data-stale]");
    const waiting = [...stale].filter((element) => !isBusy(element));
    waiting.forEach((element) => delete element.dataset.stale);
    if (waiting.length) {
      announce(["refresh"]);
    }
  }, 300);
}

body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target, requestConfig } = detail;
  if (!isLive(requestConfig) || !detail.shouldSwap) {
    return;
  }
  const version = target.dataset.version;
  const next = version && incomingVersion(detail.serverResponse, target.id);
  if (version && next === version) {
    detail.shouldSwap = false;
  } else if (isBusy(target)) {
    detail.shouldSwap = false;
    target.dataset.stale = "";
    target.toggleAttribute("data-changed", Boolean(version));
  }
});

body.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  if (isLive(requestConfig) && brought.has(elt.id)) {
    event.preventDefault();
  }
});

body.addEventListener("htmx:afterSettle", tell);
body.addEventListener("focusout", catchUpLater);
document.addEventListener("toggle", catchUpLater, true);

// Swaps keep scroll positions and open disclosures, and show what is new

const kept = { scroll: new Map(), open: new Set(), rows: null, focus: "" };

// What tells a focused link or control from the others, where it has no id for htmx to find it by.
function likeOf(element) {
  if (element.id) {
    return "";
  }
  const marks = ["href", "name", "value", "data-key", "aria-label"].filter((name) => element.hasAttribute(name));
  const form = element.form?.hasAttribute("action") ? `form[action="${CSS.escape(element.form.getAttribute("action"))}"] ` : "";
  return form + element.localName + marks.map((name) => `[${name}="${CSS.escape(element.getAttribute(name))}"]`).join("");
}

body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target } = detail;
  const scope = [target, ...target.querySelectorAll("[data-keep-scroll]")];
  scope.filter((element) => element.matches("[data-keep-scroll]")).forEach((element) => {
    kept.scroll.set(element.id, [element.scrollLeft, element.scrollTop]);
  });
  kept.open = new Set([...target.querySelectorAll("details[open][id]")].map(({ id }) => id));
  kept.rows = isLive(detail.requestConfig)
    ? new Set([...target.querySelectorAll("[data-row]")].map(({ dataset }) => dataset.row))
    : null;
  const focused = document.activeElement;
  kept.focus = isLive(detail.requestConfig) && target.contains(focused) ? likeOf(focused) : "";
});

body.addEventListener("htmx:afterSwap", ({ detail }) => {
  const target = document.getElementById(detail.target.id) ?? detail.target;
  kept.scroll.forEach(([left, top], id) => {
    const element = document.getElementById(id);
    if (element) {
      element.scrollLeft = left;
      element.scrollTop = top;
    }
  });
  kept.scroll.clear();
  kept.open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
  if (kept.focus && document.activeElement === body) {
    target.querySelector(kept.focus)?.focus({ preventScroll: true });
  }
  if (kept.rows) {
    target.querySelectorAll("[data-row]").forEach((row) => {
      row.classList.toggle("arrives", !kept.rows.has(row.dataset.row));
    });
  }
  target.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
});

body.addEventListener("htmx:load", tick);
body.addEventListener("htmx:load", ({ target }) => target.id === "messages" && fade());

// Drafts

body.addEventListener("input", ({ target }) => {
  target.closest("form[data-guard]")?.setAttribute("data-dirty", "");
});

body.addEventListener("submit", ({ target }) => target.removeAttribute("data-dirty"));

body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.failed && detail.elt.matches("form[data-guard]")) {
    detail.elt.setAttribute("data-dirty", "");
  }
});

body.addEventListener("htmx:beforeRequest", (event) => {
  const { target, requestConfig, elt } = event.detail;
  if (isLive(requestConfig) || elt.matches("form[data-guard]")) {
    return;
  }
  const draft = target.querySelector("[data-dirty]") ?? target.closest("[data-dirty]");
  if (draft && !confirm("Your edits are not saved. Leave them?")) {
    event.preventDefault();
    return;
  }
  draft?.removeAttribute("data-dirty");
});

addEventListener("beforeunload", (event) => {
  if (document.querySelector("[data-dirty]")) {
    event.preventDefault();
  }
});

// htmx does not see which button was pressed when it stands outside its form.

body.addEventListener("htmx:configRequest", ({ detail }) => {
  const button = detail.triggeringEvent?.submitter;
  if (button?.name) {
    detail.parameters[button.name] = button.value;
  }
});

// What went wrong on the way

function toast(text, tone) {
  const element = document.getElementById("toast").content.firstElementChild.cloneNode(true);
  element.querySelector("p").textContent = text;
  element.dataset.tone = tone;
  document.getElementById("messages").append(element);
}

body.addEventListener("htmx:sendError", ({ detail }) => {
  if (!isLive(detail.requestConfig)) {
    toast("The server did not answer. Nothing was changed; try again in a moment.", "bad");
  }
});

body.addEventListener("htmx:responseError", ({ detail }) => {
  if (!isLive(detail.requestConfig)) {
    toast(`That failed on the server (${detail.xhr.status}). It is in the log; try again.`, "bad");
  }
});

// Dialogs: a link with hx-target="#dialog" opens in place, and is a page of its own without scripts

const dialog = document.getElementById("dialog");

body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== dialog) {
    return;
  }
  if (!dialog.childElementCount) {
    dialog.close();
  } else if (!dialog.open) {
    dialog.showModal();
  }
});

body.addEventListener("click", (event) => {
  const { target } = event;
  if (target.closest("[data-dismiss]")) {
    target.closest(".toast").remove();
  }
  const close = target.closest("[data-close]");
  const over = close?.closest("dialog, [popover]");
  if (over) {
    event.preventDefault();
    if (over.matches("dialog")) {
      over.close();
    } else {
      over.hidePopover();
    }
  }
});

// Times

const UNITS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [2592000, 86400, "d"]];

function ago(seconds) {
  if (Math.abs(seconds) < 5) {
    return "now";
  }
  const size = Math.abs(seconds);
  const unit = UNITS.find(([limit]) => size < limit);
  if (!unit) {
    return null;
  }
  const text = `${Math.floor(size / unit[1])} ${unit[2]}`;
  return seconds < 0 ? `in ${text}` : text;
}

function fade() {
  document.querySelectorAll("#messages .toast[data-tone='']").forEach((element) => {
    setTimeout(() => element.matches(":hover, :focus-within") || element.remove(), 8000);
  });
}

function tick() {
  const now = Date.now();
  document.querySelectorAll("time[data-ago]").forEach((element) => {
    const text = ago((now - Date.parse(element.dateTime)) / 1000);
    const suffix = element.dataset.ago;
    if (!text) {
      return;
    }
    if (!suffix || text.startsWith("in ")) {
      element.textContent = text;
    } else {
      element.textContent = text === "now" ? "just now" : `${text} ${suffix}`;
    }
  });
}

function countDown() {
  const stopped = document.getElementById("status").hasAttribute("data-stopped");
  document.querySelectorAll("time[data-until]").forEach((element) => {
    if (stopped) {
      element.textContent = "once everything runs again";
      return;
    }
    const left = Math.ceil((Date.parse(element.dateTime) - Date.now()) / 1000);
    element.textContent = left > 0 ? `in ${left} s` : "now";
    if (left < -2) {
      element.closest(".toast")?.remove();
    }
  });
}

setInterval(tick, 15000);
setInterval(countDown, 500);

// The tab says how much waits

const pageTitle = document.title;

function showNeeds() {
  const needs = document.getElementById("status").dataset.needs;
  document.title = needs === "0" ? pageTitle : `(${needs}) ${pageTitle}`;
}

body.addEventListener("htmx:load", showNeeds);

// Keyboard: any control says its own key in data-key; g and a letter goes to a page

const keysDialog = document.getElementById("keys");
let going = false;

function keysAreOn() {
  return localStorage.getItem("keys") !== "off";
}

function showKeysSwitch() {
  document.querySelectorAll("[data-keys-on]").forEach((box) => {
    box.checked = keysAreOn();
  });
}

body.addEventListener("change", ({ target }) => {
  if (target.matches("[data-keys-on]")) {
    localStorage.setItem("keys", target.checked ? "on" : "off");
    showKeysSwitch();
  }
});

function press(selector) {
  const control = document.querySelector(selector);
  control?.click();
  return Boolean(control);
}

function moveFocus(step) {
  const links = [...document.querySelectorAll("main a.cover")];
  if (links.length) {
    const here = links.indexOf(document.activeElement);
    links[Math.max(0, Math.min(links.length - 1, here < 0 ? 0 : here + step))].focus();
  }
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (key === "Enter" && (event.metaKey || event.ctrlKey)) {
    const controls = [...(target.closest("form")?.elements ?? [])];
    controls.find((control) => control.matches("[data-submit]"))?.click();
    return;
  }
  if (key === "Escape" && target.matches("form[data-guard] *")) {
    press("[data-key=Escape]");
    return;
  }
  const typing = target.matches("input, textarea, select, [contenteditable]");
  if (typing || event.metaKey || event.ctrlKey || event.altKey || event.repeat) {
    return;
  }
  if (document.querySelector("dialog[open], :popover-open")) {
    return;
  }
  if (key === "?") {
    keysDialog.showModal();
    return;
  }
  if (!keysAreOn()) {
    return;
  }
  if (going) {
    going = false;
    press(`[data-go="${CSS.escape(key)}"]`);
    return;
  }
  if (key === "g") {
    going = true;
    setTimeout(() => {
      going = false;
    }, 1200);
  } else if (key === "/") {
    event.preventDefault();
    document.querySelector("main input[type=search]")?.focus();
  } else if (/^[a-z]$/.test(key)) {
    const found = press(`[data-key="${key}"]`);
    if (!found && (key === "j" || key === "k")) {
      moveFocus(key === "j" ? 1 : -1);
    }
  }
});

showKeysSwitch();
fade();
tick();
countDown();
showNeeds();
connect();
