"use strict";

/* ⌘K or Ctrl-K: find a page, a person, a company, or something to do. A combobox over a listbox that
   the server renders; without this file the form in the header leads to the same results as a page. */

{
  const palette = document.getElementById("palette");
  const input = document.getElementById("palette-q");
  const said = document.getElementById("palette-said");
  const doing = document.getElementById("palette-do");
  const key = `recent:${palette.dataset.user}`;
  const KEPT = 5;

  const list = () => document.getElementById("palette-list");
  const options = () => [...list().querySelectorAll(".hit[role=option]")];
  const active = () => list().querySelector("[aria-selected=true]");
  const isAnswered = () => list().dataset.query === input.value.trim();

  // Enter before the answer is there means the answer, not what stood there before.
  let waits = null;

  function recent() {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? [];
    } catch {
      return [];
    }
  }

  function remember(option) {
    const { href, label, hint } = {
      href: option.getAttribute("href"),
      label: option.querySelector("[data-label]").textContent,
      hint: option.querySelector("[data-hint]")?.textContent ?? "",
    };
    const others = recent().filter((pick) => pick.href !== href || pick.label !== label);
    localStorage.setItem(key, JSON.stringify([{ href, label, hint }, ...others].slice(0, KEPT)));
  }

  function choose(option) {
    active()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  function showRecent() {
    const group = list().querySelector("[data-recent]");
    const picks = recent();
    if (!group || !picks.length) {
      return;
    }
    group.hidden = false;
    picks.forEach((pick, number) => {
      const option = group.querySelector("template").content.firstElementChild.cloneNode(true);
      option.id = `recent-${number}`;
      option.setAttribute("href", pick.href);
      option.querySelector("[data-label]").textContent = pick.label;
      option.querySelector("[data-hint]").textContent = pick.hint;
      group.append(option);
    });
  }

  function shown() {
    showRecent();
    choose(options()[0]);
    const count = options().length;
    said.textContent = count ? `${count} found` : "Nothing found";
    if (waits && isAnswered()) {
      const { elsewhere } = waits;
      waits = null;
      pick(active(), elsewhere);
    }
  }

  function open(text = "") {
    document.querySelectorAll(":popover-open").forEach((over) => over.hidePopover());
    if (!palette.open) {
      palette.showModal();
    }
    input.value = text;
    waits = null;
    htmx.trigger(input, "palette:open");
    input.focus();
  }

  function pick(option, elsewhere) {
    if (!option) {
      return;
    }
    if (!option.dataset.post) {
      remember(option);
    }
    const href = option.getAttribute("href");
    if (elsewhere && !option.dataset.post) {
      window.open(href, "_blank", "noopener");
      return;
    }
    palette.close();
    if (option.dataset.post) {
      doing.action = option.dataset.post;
      doing.elements.value.value = option.dataset.value;
      doing.submit();
    } else if ("dialog" in option.dataset) {
      htmx.ajax("GET", href, { source: document.body, target: "#dialog", swap: "innerHTML" });
    } else {
      location.assign(href);
    }
  }

  input.addEventListener("keydown", (event) => {
    const all = options();
    const here = all.indexOf(active());
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && all.length) {
      event.preventDefault();
      choose(all[(here + step + all.length) % all.length]);
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      const elsewhere = event.metaKey || event.ctrlKey;
      if (isAnswered()) {
        pick(active(), elsewhere);
      } else {
        waits = { elsewhere };
      }
    } else if (event.key === "Escape") {
      event.preventDefault();
      palette.close();
    }
  });

  input.addEventListener("input", () => {
    waits = null;
  });

  palette.addEventListener("click", (event) => {
    const option = event.target.closest(".hit[role=option]");
    if (option) {
      event.preventDefault();
      pick(option, event.metaKey || event.ctrlKey);
    } else if (event.target === palette) {
      palette.close();
    }
  });

  palette.addEventListener("pointermove", ({ target }) => {
    const option = target.closest(".hit[role=option]");
    if (option && option !== active()) {
      choose(option);
    }
  });

  document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target.id === "palette-list") {
      shown();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey) && !event.altKey) {
      event.preventDefault();
      if (palette.open) {
        palette.close();
      } else {
        open();
      }
    }
  });

  // The form in the header is a way in; what was typed there goes along.

  document.querySelectorAll(".find").forEach((form) => {
    const field = form.elements.q;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      open(field.value);
    });
    field.addEventListener("click", () => open(field.value));
    field.addEventListener("input", () => {
      open(field.value);
      field.value = "";
    });
  });

  // What was picked is nobody else's business on this machine.

  document.querySelector("form[data-forget]").addEventListener("submit", () => {
    localStorage.removeItem(key);
  });
}
