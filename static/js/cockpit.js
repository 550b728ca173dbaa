"use strict";

/* Deciding at the speed of reading: the next case is fetched before it is wanted and shown the
   moment a decision is posted; what the server answers then corrects it. Without this file every
   decision still works, a page at a time. */

(() => {
  const FRESH_MS = 60000;
  const IDLE_MS = 60000;
  const MOST_SECONDS = 1800;
  const root = () => document.getElementById("cockpit");
  const shown = () => document.getElementById("case");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // How long the case was looked at: the page visible, and somebody moving on it

  const looks = new Map();
  let lastSign = performance.now();
  let lastBeat = performance.now();

  function lookedAt() {
    return shown()?.dataset.pk ?? (document.getElementById("drafts") ? "several" : null);
  }

  function beat() {
    const now = performance.now();
    const pk = lookedAt();
    if (pk && !document.hidden && now - lastSign < IDLE_MS) {
      looks.set(pk, (looks.get(pk) ?? 0) + Math.min(now - lastBeat, 2000));
    }
    lastBeat = now;
  }

  setInterval(beat, 1000);
  document.addEventListener("visibilitychange", beat);
  ["pointermove", "pointerdown", "keydown", "wheel", "touchmove"].forEach((name) => {
    addEventListener(name, () => { lastSign = performance.now(); }, { passive: true });
  });

  // The next case, in memory

  const memory = new Map();

  function remember(url) {
    const known = memory.get(url);
    if (!url || (known && Date.now() - known.at < FRESH_MS)) {
      return;
    }
    const entry = { at: Date.now(), html: null };
    memory.set(url, entry);
    fetch(url, { headers: { "HX-Request": "true", "HX-Target": "case" }, credentials: "same-origin" })
      .then((response) => (response.ok && !response.redirected ? response.text() : null))
      .then((html) => { entry.html = html; })
      .catch(() => memory.delete(url));
  }

  function pkOf(url) {
    return url?.match(/approvals\/([0-9a-f-]+)/)?.[1] ?? "";
  }

  function rowOf(pk) {
    return `#queue-rows [data-row="${CSS.escape(pk ?? "")}"]`;
  }

  function recall(url) {
    const entry = memory.get(url);
    return entry?.html && Date.now() - entry.at < FRESH_MS ? entry.html : null;
  }

  function lookAhead() {
    const here = shown();
    if (!here || document.hidden) {
      return;
    }
    const ahead = here.querySelector(".strip [data-key=j]")?.getAttribute("href");
    const wanted = [here.dataset.next, ahead];
    const back = here.querySelector(".strip [data-key=k]")?.getAttribute("href");
    [...memory.keys()].filter((url) => ![...wanted, back].includes(url)).forEach((url) => memory.delete(url));
    wanted.filter(Boolean).forEach(remember);
  }

  let later = null;

  function soon(work) {
    clearTimeout(later);
    later = setTimeout(work, 30);
  }

  document.body.addEventListener("htmx:load", () => soon(lookAhead));
  document.body.addEventListener("live:approvals", () => {
    memory.clear();
    soon(lookAhead);
  });

  function put(html, url) {
    const target = shown();
    htmx.swap(target, html, { swapStyle: "outerHTML" }, { select: "#case", eventInfo: { target } });
    document.getElementById("thing")?.scrollTo(0, 0);
    if (innerWidth <= 1180) {
      scrollTo(0, 0);
    }
    history.replaceState(history.state, "", url);
    point(shown()?.dataset.pk);
  }

  function point(pk) {
    document.querySelectorAll("#queue-rows [aria-current]").forEach((row) => row.removeAttribute("aria-current"));
    document.querySelector("#queue-rows [data-key=x]")?.removeAttribute("data-key");
    const row = pk && document.querySelector(rowOf(pk));
    if (row) {
      const link = row.querySelector("a");
      link.setAttribute("aria-current", "true");
      link.scrollIntoView({ block: "nearest" });
      row.querySelector("[name=pick]")?.setAttribute("data-key", "x");
    }
  }

  // Nobody has read a case that appeared a moment ago: a second press meant the one before

  const UNREAD_MS = 300;
  const AFTER_DECISION_MS = 3000;
  let appeared = { pk: null, at: 0 };
  let decidedAt = -AFTER_DECISION_MS;

  document.body.addEventListener("htmx:load", () => {
    const pk = shown()?.dataset.pk;
    if (pk !== appeared.pk) {
      const now = performance.now();
      appeared = { pk, at: now - decidedAt < AFTER_DECISION_MS ? now : 0 };
    }
  });

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const approving = event.detail.elt.matches("form[data-decide=approve]");
    if (approving && appeared.at && performance.now() - appeared.at < UNREAD_MS) {
      event.preventDefault();
    }
  });

  // A decision: post it, show what is next at once, then believe the server

  const posted = new Map();

  document.body.addEventListener("htmx:configRequest", ({ detail }) => {
    const form = detail.elt.closest("[data-decide]");
    if (!form || detail.verb !== "post" || detail.elt.matches("[name]:not(button)")) {
      return;
    }
    beat();
    const pk = lookedAt();
    const seconds = Math.min(MOST_SECONDS, Math.round((looks.get(pk) ?? 0) / 1000));
    detail.parameters.seconds = seconds;
  });

  document.body.addEventListener("htmx:beforeSend", ({ detail }) => {
    const form = detail.elt.closest("form[data-decide]");
    const here = shown();
    if (!form || detail.target !== root() || !here?.contains(form)) {
      return;
    }
    if (form.dataset.decide === "edit" && detail.requestConfig.parameters.then !== "approve") {
      return;
    }
    const next = here.dataset.next;
    const still = document.querySelector(`${rowOf(pkOf(next))}:not(.leaves)`);
    const html = still && recall(next);
    decidedAt = performance.now();
    posted.set(detail.xhr, { pk: here.dataset.pk, ahead: Boolean(html) });
    document.querySelector(rowOf(here.dataset.pk))?.classList.add("leaves");
    if (html) {
      memory.delete(next);
      keepAside(form);
      put(html, next);
    }
  });

  // htmx looks for where an answer belongs from its form, so that stays in the page until then.
  function keepAside(form) {
    form.replaceChildren();
    form.removeAttribute("id");
    form.hidden = true;
    form.setAttribute("data-aside", "");
    document.body.append(form);
  }

  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const decision = posted.get(detail.xhr);
    if (!decision) {
      return;
    }
    const ok = detail.xhr.status < 300;
    if (ok) {
      looks.delete(decision.pk);
    }
    const here = shown();
    if (!decision.ahead || !here || !detail.shouldSwap) {
      return;
    }
    const answer = new DOMParser().parseFromString(detail.serverResponse, "text/html");
    const fresh = answer.getElementById("case");
    const waits = answer.querySelector(rowOf(here.dataset.pk));
    const same = fresh?.dataset.pk === here.dataset.pk && fresh.dataset.version === here.dataset.version;
    if (ok && (same || (waits && fresh?.dataset.pk !== here.dataset.pk))) {
      // The case on the page stays as it is; only what stands around it is brought up to date.
      const strip = same && fresh.querySelector(".strip");
      if (strip) {
        here.querySelector(".strip")?.replaceWith(strip);
        htmx.process(strip);
        here.dataset.next = fresh.dataset.next ?? "";
      }
      detail.target = document.getElementById("queue");
      detail.selectOverride = "#queue";
    }
  });

  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.elt.matches("[data-aside]")) {
      detail.elt.remove();
    }
    if (posted.delete(detail.xhr) && !detail.successful && detail.xhr.status === 0) {
      htmx.trigger(document.body, "live:refresh");
    }
  });

  // While an answer is on its way, a live update must not take away the form it belongs to

  const flying = new Set();
  let missed = false;

  document.body.addEventListener("htmx:beforeSend", ({ detail }) => {
    if (detail.requestConfig.verb === "post" && detail.target === root()) {
      flying.add(detail.xhr);
    }
  });

  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const live = detail.requestConfig?.triggeringEvent?.type.startsWith("live:");
    if (live && flying.size && root()?.contains(detail.target)) {
      detail.shouldSwap = false;
      missed = true;
    }
  });

  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (flying.delete(detail.xhr) && !flying.size && missed) {
      missed = false;
      setTimeout(() => htmx.trigger(document.body, "live:approvals"), 50);
    }
  });

  // Undo means the decision just posted, even if the server has not answered to it yet

  let undoNext = false;

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches(".just form") && posted.size) {
      event.preventDefault();
      undoNext = true;
    }
  });

  document.body.addEventListener("htmx:afterSettle", () => {
    if (undoNext && !posted.size) {
      undoNext = false;
      document.querySelector(".just [data-key=u]")?.click();
    }
  });

  document.body.addEventListener("htmx:afterSettle", ({ detail }) => {
    const here = shown();
    if (detail.target?.id === "queue" || detail.target?.id === "cockpit") {
      point(here?.dataset.pk);
      if (here?.dataset.url && location.pathname.startsWith("/approvals/") && detail.requestConfig?.verb === "post") {
        history.replaceState(history.state, "", here.dataset.url);
      }
    }
  });

  // J and K from memory

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const { elt } = event.detail;
    const html = elt.matches(".strip [data-key=j], .strip [data-key=k]") && recall(elt.getAttribute("href"));
    if (html && !event.defaultPrevented) {
      event.preventDefault();
      history.pushState({ htmx: true }, "", elt.getAttribute("href"));
      put(html, elt.getAttribute("href"));
    }
  });

  // Selected rows stay selected while the queue is drawn anew

  const picks = new Set();
  let lastPick = null;

  function tally() {
    const number = document.querySelectorAll("#cockpit [name=pick]:checked, #drafts [name=item]:checked").length;
    document.querySelectorAll("#cockpit .tally").forEach((element) => { element.textContent = number; });
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches?.("[name=pick]")) {
      picks[target.checked ? "add" : "delete"](target.value);
      lastPick = target;
    }
    if (target.matches?.("[name=pick], [name=item]")) {
      tally();
    }
  });

  document.addEventListener("reset", ({ target }) => {
    if (target.id === "batch") {
      picks.clear();
      setTimeout(tally);
    }
  });

  document.body.addEventListener("htmx:load", () => {
    const boxes = [...document.querySelectorAll("#queue-rows [name=pick]")];
    boxes.forEach((box) => { box.checked = picks.has(box.value); });
    if (boxes.length) {
      const here = new Set(boxes.map((box) => box.value));
      [...picks].filter((pk) => !here.has(pk)).forEach((pk) => picks.delete(pk));
    } else if (document.getElementById("drafts")) {
      picks.clear();
    }
    tally();
  });

  document.addEventListener("click", (event) => {
    const box = event.target.closest?.("[name=pick]");
    if (box && event.shiftKey && lastPick?.isConnected) {
      const boxes = [...document.querySelectorAll("#queue-rows [name=pick]")];
      const [from, to] = [boxes.indexOf(lastPick), boxes.indexOf(box)].sort((a, b) => a - b);
      boxes.slice(from, to + 1).forEach((one) => pick(one, box.checked));
    }
    if (event.target.closest?.("[data-like-this]")) {
      pickLike();
    }
    const link = event.target.closest?.(".mail mark a, .evidence a");
    if (link) {
      event.preventDefault();
      document.querySelector(link.hash)?.focus();
    }
  });

  function pick(box, checked) {
    box.checked = checked;
    picks[checked ? "add" : "delete"](box.value);
  }

  function pickLike() {
    const here = document.querySelector("#queue-rows [name=pick][data-key=x]") ??
      document.querySelector("#queue-rows [name=pick]:checked");
    if (here) {
      document.querySelectorAll("#queue-rows [name=pick]").forEach((box) => {
        if (box.dataset.like === here.dataset.like) {
          pick(box, true);
        }
      });
      tally();
    }
  }

  // Keys: digits and plain typing in a sheet, Shift+X for all like this

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing) {
      return;
    }
    const typing = target.matches("input, textarea, select");
    const sheet = document.querySelector("#cockpit [popover]:popover-open");
    if (sheet) {
      if (typing) {
        return;
      }
      if (/^[1-9]$/.test(key)) {
        event.preventDefault();
        sheet.querySelector(`[data-digit="${key}"]`)?.click();
      } else if (key.length === 1 && /\p{L}/u.test(key)) {
        sheet.querySelector("textarea")?.focus();
      }
    } else if (key === "u" && !typing && posted.size && keysAreOn()) {
      event.stopPropagation();
      undoNext = true;
    } else if (key === "X" && !typing && keysAreOn()) {
      pickLike();
    } else if (key === "Escape" && !typing && document.getElementById("drafts")) {
      root()?.querySelector(".act [data-key=Escape]")?.click();
    }
  }, true); // before the key that opens a sheet does so

  // A claim and its evidence light up together

  function light(event) {
    const number = event.target.closest?.("#case [data-claim]")?.dataset.claim;
    document.querySelectorAll("#case .lit").forEach((element) => element.classList.remove("lit"));
    if (number) {
      document.querySelectorAll(`#case [data-claim="${CSS.escape(number)}"]`).forEach((element) => {
        element.classList.add("lit");
      });
    }
  }

  document.addEventListener("pointerover", light);
  document.addEventListener("focusin", light);

  // What stays open or closed from case to case

  document.addEventListener("toggle", ({ target }) => {
    if (target.matches?.("details[data-remember]")) {
      localStorage.setItem(`open-${target.dataset.remember}`, target.open ? "yes" : "no");
    }
  }, true);

  function restore() {
    document.querySelectorAll("details[data-remember]").forEach((element) => {
      const kept = localStorage.getItem(`open-${element.dataset.remember}`);
      if (kept) {
        element.open = kept === "yes";
      }
    });
  }

  document.body.addEventListener("htmx:load", restore);

  // Swipe: right approves, left asks why not. A clear sideways pull only, never while scrolling.

  const SURE_PX = 12;
  let swipe = null;

  function farEnough() {
    return Math.min(130, innerWidth * 0.34);
  }

  function settle() {
    if (swipe) {
      swipe.thing.classList.remove("pulled");
      swipe.thing.style.removeProperty("--pull");
      delete shown()?.dataset.pull;
      swipe = null;
    }
  }

  document.addEventListener("pointerdown", (event) => {
    const thing = event.target.closest?.("#case[data-swipe]")?.querySelector(".thing");
    const other = event.target.closest?.("a, button, input, textarea, summary, .act, [popover]");
    if (event.pointerType !== "touch" || !event.isPrimary || !thing || other) {
      settle();
      return;
    }
    swipe = { thing, id: event.pointerId, x: event.clientX, y: event.clientY, sure: false, pull: 0 };
  });

  document.addEventListener("pointermove", (event) => {
    if (!swipe || event.pointerId !== swipe.id) {
      return;
    }
    const [x, y] = [event.clientX - swipe.x, event.clientY - swipe.y];
    if (!swipe.sure) {
      if (Math.abs(y) > SURE_PX || String(getSelection())) {
        settle();
        return;
      }
      if (Math.abs(x) < SURE_PX || Math.abs(x) < 2 * Math.abs(y)) {
        return;
      }
      swipe.sure = true;
      swipe.thing.setPointerCapture(swipe.id);
    }
    swipe.pull = x;
    const side = x > 0 ? "approve" : "reject";
    shown().dataset.pull = Math.abs(x) >= farEnough() ? `${side} enough` : side;
    if (!calm.matches) {
      swipe.thing.classList.add("pulled");
      swipe.thing.style.setProperty("--pull", `${Math.round(x)}px`);
    }
  });

  document.addEventListener("pointerup", (event) => {
    if (!swipe || event.pointerId !== swipe.id) {
      return;
    }
    const { sure, pull } = swipe;
    settle();
    if (!sure || Math.abs(pull) < farEnough()) {
      return;
    }
    const careful = shown()?.dataset.swipe === "careful";
    const button = shown()?.querySelector(pull < 0 ? ".act [data-key=r]" : ".act [data-key=a]");
    if (pull > 0 && careful) {
      button?.focus(); // high stakes are not approved by a gesture
    } else {
      button?.click();
    }
  });

  document.addEventListener("pointercancel", settle);

  restore();
  lookAhead();
  tally();
})();
