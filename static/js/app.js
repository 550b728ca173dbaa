"use strict";

/* The pages work without this file; with it they are live, keyboard-driven and never lose a draft.
   A topic from the socket becomes a `live:<topic>` event on <body>; partials listen for theirs and
   fetch themselves again. `live:refresh` is for everybody: after a lost connection, or a wait. */

const body = document.body;
const RETRY_MS = [250, 500, 1000, 2000, 5000, 10000];

// Live connection

const connection = document.getElementById("connection");
const missed = new Set();
let retries = 0;
let wasLost = false;
let socket = null;

function showConnection(state) {
  connection.hidden = false;
  connection.dataset.state = state;
  connection.querySelector("[data-word]").textContent =
    state === "live" ? "Live" : "Reconnecting…";
  connection.querySelector(".dot").dataset.tone = state === "live" ? "ok" : "off";
}

function announce(topics) {
  if (document.hidden) {
    topics.forEach((topic) => missed.add(topic));
    return;
  }
  topics.forEach((topic) => htmx.trigger(body, `live:${topic}`));
}

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live/`);
  socket.addEventListener("open", () => {
    retries = 0;
    showConnection("live");
    if (wasLost) {
      announce(["refresh"]);
    }
    wasLost = false;
  });
  socket.addEventListener("message", (event) => announce(JSON.parse(event.data).topics));
  socket.addEventListener("close", (event) => {
    if (event.code === 4401) {
      location.reload();
      return;
    }
    wasLost = true;
    showConnection("lost");
    const wait = RETRY_MS[Math.min(retries, RETRY_MS.length - 1)];
    retries += 1;
    setTimeout(connect, wait * (0.5 + Math.random()));
  });
}

document.addEventListener("visibilitychange", () => {
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
    element.querySelector("[data-dirty], :popover-open") ||
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

body.addEventListener("focusout", catchUpLater);
document.addEventListener("toggle", catchUpLater, true);

// Swaps keep scroll positions and open disclosures, and show what is new

const kept = { scroll: new Map(), open: new Set(), rows: null };

body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target } = detail;
  const scope = [target, ...target.querySelectorAll("[data-keep-scroll]")];
  scope.filter((element) => element.matches("[data-keep-scroll]")).forEach((element) => {
    kept.scroll.set(element.id, element.scrollTop);
  });
  kept.open = new Set([...target.querySelectorAll("details[open][id]")].map(({ id }) => id));
  kept.rows = isLive(detail.requestConfig)
    ? new Set([...target.querySelectorAll("[data-row]")].map(({ dataset }) => dataset.row))
    : null;
});

body.addEventListener("htmx:afterSwap", ({ detail }) => {
  const target = document.getElementById(detail.target.id) ?? detail.target;
  kept.scroll.forEach((top, id) => {
    const element = document.getElementById(id);
    if (element) {
      element.scrollTop = top;
    }
  });
  kept.scroll.clear();
  kept.open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
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
  document.querySelectorAll("time[data-until]").forEach((element) => {
    const left = Math.ceil((Date.parse(element.dateTime) - Date.now()) / 1000);
    element.textContent = left > 0 ? `in ${left} s` : "now";
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
const keysSwitch = document.getElementById("keys-on");
let going = false;

keysSwitch.checked = localStorage.getItem("keys") !== "off";
keysSwitch.addEventListener("change", () => {
  localStorage.setItem("keys", keysSwitch.checked ? "on" : "off");
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
  if (!keysSwitch.checked) {
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

document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
fade();
tick();
countDown();
showNeeds();
connect();
