"use strict";

/* Alerts by keyboard: J and K choose one, whose buttons then answer to their keys (app.js presses
   what carries data-key). Nothing answers before one is chosen, so no key closes what nobody saw. */

let current = null;
let place = 0;

function rows() {
  return [...document.querySelectorAll(".alerts > [data-row]")];
}

function choose(row) {
  document.querySelectorAll(".alerts > .current").forEach((old) => {
    old.classList.remove("current");
    old.querySelectorAll("[data-key]").forEach((control) => delete control.dataset.key);
  });
  if (!row) {
    return;
  }
  current = row.dataset.row;
  place = rows().indexOf(row);
  row.classList.add("current");
  row.querySelectorAll("[data-alert-key]").forEach((control) => {
    control.dataset.key = control.dataset.alertKey;
  });
}

document.addEventListener("click", ({ target }) => {
  const step = Number(target.closest("[data-alert-step]")?.dataset.alertStep);
  const all = rows();
  if (!step || !all.length) {
    return;
  }
  const here = all.findIndex((row) => row.classList.contains("current"));
  const next = here < 0 ? 0 : here + step;
  const row = all[Math.max(0, Math.min(all.length - 1, next))];
  choose(row);
  row.focus();
});

document.addEventListener("focusin", ({ target }) => {
  const row = target.closest?.(".alerts > [data-row]");
  if (row && !row.classList.contains("current")) {
    choose(row);
  }
});

/* The list comes anew: the same one stays chosen, or the one that took its place. */
document.addEventListener("htmx:afterSwap", () => {
  const all = rows();
  if (current && all.length && !document.querySelector(".alerts > .current")) {
    const same = all.find((row) => row.dataset.row === current);
    const row = same ?? all[Math.min(place, all.length - 1)];
    choose(row);
    if (!same) {
      row.focus({ preventScroll: true });
    }
  }
});
