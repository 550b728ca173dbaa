"use strict";

/* The fleet's map: an agent pointed at, or focused, shows its lines and what passes on them; an
   event that passes runs along its line. All of it is also in the table and in each line's title. */

(() => {
  const PASS_MS = 900;
  const passing = new Map();
  const heard = new Set();

  function light(agent) {
    document.querySelectorAll(".fleet-map :is(.line, .labels text)").forEach((element) => {
      const { from, to } = element.dataset;
      element.classList.toggle("lit", Boolean(agent) && (from === agent || to === agent));
    });
  }

  function agentAt(target) {
    return target.closest?.(".fleet-map .node")?.dataset.agent;
  }

  function show(name) {
    document.querySelectorAll(".fleet-map .line").forEach((line) => {
      if (line.dataset.events.split(" ").includes(name)) {
        line.classList.remove("passes");
        requestAnimationFrame(() => line.classList.add("passes"));
        setTimeout(() => line.classList.remove("passes"), PASS_MS);
      }
    });
  }

  function listen() {
    document.querySelectorAll(".fleet-map .line").forEach((line) => {
      line.dataset.events.split(" ").filter((name) => !heard.has(name)).forEach((name) => {
        heard.add(name);
        document.body.addEventListener(`live:event:${name}`, () => {
          passing.set(name, Date.now());
          show(name);
        });
      });
    });
  }

  document.addEventListener("pointerover", ({ target }) => {
    light(agentAt(target) ?? agentAt(document.activeElement));
  });
  document.addEventListener("focusin", ({ target }) => light(agentAt(target)));
  document.addEventListener("focusout", () => light(null));

  // The numbers come with the event: the new drawing goes on where the old one was.
  document.body.addEventListener("htmx:afterSwap", () => {
    listen();
    light(agentAt(document.activeElement));
    passing.forEach((began, name) => Date.now() - began < PASS_MS / 2 && show(name));
  });

  listen();
})();
