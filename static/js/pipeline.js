"use strict";

/* The board by mouse and by keyboard; the menu of a card is plain HTML. All three post the same form. */

{
  const STEP = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const REST_MS = 2500;

  let dragged = null;
  let home = null;
  let movedAt = 0;

  const board = () => document.getElementById("board-columns");
  const columns = () => [...document.querySelectorAll("#board .column")];
  const cardsOf = (column) => [...column.querySelectorAll(".card")];

  function move(lead, to) {
    movedAt = 0;
    const form = document.getElementById("move-form");
    const url = form.dataset.action.replace("00000000-0000-0000-0000-000000000000", lead);
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    htmx.ajax("POST", url, {
      target: "#dialog",
      swap: "innerHTML",
      values: { to, csrfmiddlewaretoken: token },
    });
  }

  // On a phone one column shows at a time: the first that has something waiting

  const first = document.querySelector("#board [data-opens]");
  if (first && matchMedia("(max-width: 720px)").matches) {
    board().scrollLeft += first.getBoundingClientRect().left - board().getBoundingClientRect().left;
  }

  // By keyboard: arrows go from card to card, Shift and an arrow takes the card along, m opens the menu

  function go(card, [across, down]) {
    const all = columns();
    const column = card.closest(".column");
    const at = cardsOf(column).indexOf(card);
    if (down) {
      return cardsOf(column)[at + down];
    }
    for (let n = all.indexOf(column) + across; all[n]; n += across) {
      const cards = cardsOf(all[n]);
      if (cards.length) {
        return cards[Math.min(at, cards.length - 1)];
      }
    }
    return null;
  }

  function take(card, across) {
    const all = columns();
    for (let n = all.indexOf(card.closest(".column")) + across; all[n]; n += across) {
      if ("takes" in all[n].dataset) {
        move(card.dataset.lead, all[n].dataset.stage);
        return;
      }
    }
  }

  document.addEventListener("keydown", (event) => {
    const choice = event.target.closest(".move-choices");
    if (document.querySelector("#dialog[open] .move-choices") && /^[1-9]$/.test(event.key)) {
      document.querySelector(`#dialog [data-number="${event.key}"]`)?.click();
      return;
    }
    if (choice && STEP[event.key]?.[1]) {
      const buttons = [...choice.querySelectorAll("button")];
      buttons[buttons.indexOf(event.target) + STEP[event.key][1]]?.focus();
      event.preventDefault();
      return;
    }
    const card = event.target.closest("#board .card");
    if (!card || event.metaKey || event.ctrlKey || event.altKey) {
      return;
    }
    const step = STEP[event.key];
    if (step && event.shiftKey && step[0]) {
      event.preventDefault();
      take(card, step[0]);
    } else if (step) {
      const to = go(card, step);
      if (to) {
        event.preventDefault();
        to.querySelector("a.cover").focus();
      }
    } else if (event.key === "m" && keysAreOn()) {
      card.querySelector(".card-move").click();
    }
  });

  document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target.id === "dialog") {
      detail.target.querySelector(".move-choice")?.focus();
    }
  });

  // By mouse

  document.addEventListener("dragstart", (event) => {
    const card = event.target.closest?.("#board .card");
    if (!card) {
      return;
    }
    dragged = card;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", card.querySelector("a.cover").href);
    requestAnimationFrame(() => {
      card.dataset.dragged = "";
      board().dataset.dragging = "";
    });
  });

  function over(event) {
    const column = event.target.closest?.("#board .column[data-takes]");
    return dragged && column && column !== dragged.closest(".column") ? column : null;
  }

  document.addEventListener("dragover", (event) => {
    const column = over(event);
    columns().forEach((one) => one.toggleAttribute("data-over", one === column));
    if (column) {
      event.preventDefault();
      event.dataTransfer.dropEffect = "move";
    }
  });

  document.addEventListener("drop", (event) => {
    const column = over(event);
    if (column) {
      event.preventDefault();
      home = { card: dragged, list: dragged.parentElement, next: dragged.nextElementSibling };
      column.querySelector("ol").prepend(dragged);
      column.querySelector(".column-empty")?.toggleAttribute("hidden", true);
      move(dragged.dataset.lead, column.dataset.stage);
    }
  });

  document.addEventListener("dragend", () => {
    delete dragged?.dataset.dragged;
    delete board()?.dataset.dragging;
    columns().forEach((one) => one.removeAttribute("data-over"));
    dragged = null;
  });

  // A question that is left unanswered moves nothing: the card goes back to where it was

  ["live:leads", "live:deals"].forEach((topic) => {
    document.body.addEventListener(topic, () => {
      home = null;
    });
  });

  document.getElementById("dialog").addEventListener("close", () => {
    if (home?.card.isConnected) {
      home.card.parentElement.querySelector(".column-empty")?.removeAttribute("hidden");
      home.list.insertBefore(home.card, home.next?.isConnected ? home.next : null);
      home.card.querySelector("a.cover").focus();
    }
    home = null;
  });

  // Nothing moves under the pointer: while it is at work on the board, updates wait a moment

  document.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && event.target.closest?.("#board")) {
      movedAt = Date.now();
    }
  });

  document.addEventListener("pointerleave", () => {
    movedAt = 0;
  });

  document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.elt.closest("#dialog, #messages")) {
      movedAt = 0;
    }
  });

  let later = null;

  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const { target, requestConfig } = event.detail;
    if (target.id !== "board" || !requestConfig.triggeringEvent?.type.startsWith("live:")) {
      return;
    }
    const rests = REST_MS - (Date.now() - movedAt);
    if (dragged || (rests > 0 && target.matches(":hover"))) {
      event.detail.shouldSwap = false;
      clearTimeout(later);
      later = setTimeout(() => htmx.trigger(document.body, requestConfig.triggeringEvent.type), Math.max(rests, 400));
    }
  });

  // The table: with rows chosen, a bulk change is for them

  document.addEventListener("change", ({ target }) => {
    if (!target.matches("input[form=bulk]")) {
      return;
    }
    const chosen = document.querySelectorAll("input[form=bulk]:checked").length;
    const button = document.querySelector("#bulk button");
    button.textContent = chosen
      ? `Do it to ${chosen === 1 ? "the chosen one" : `the ${chosen} chosen`}…`
      : button.dataset.all;
    document.getElementById("bulk").toggleAttribute("data-busy", chosen > 0);
  });
}
