"use strict";

/* Copying a text, keys for the task in focus, and a preview that follows what is written. */

{
  const showCopies = () => document.querySelectorAll("[data-copies][hidden]").forEach((button) => {
    button.hidden = false;
  });

  async function copy(button) {
    const text = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(text.textContent);
      toast("Copied.", "");
    } catch {
      getSelection().selectAllChildren(text);
      toast("Selected; copy it with your keyboard.", "");
    }
    fade();
  }

  body.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-copies]");
    if (button) {
      copy(button);
    }
  });

  body.addEventListener("htmx:load", showCopies);
  showCopies();

  // The task in focus, or the first: j and k go on, its own keys do what its buttons do.

  let last = 0;

  function tasks() {
    return [...document.querySelectorAll("[data-tasks] > li")];
  }

  function here(listed) {
    const at = listed.findIndex((task) => task.contains(document.activeElement));
    return at < 0 ? Math.min(last, listed.length - 1) : at;
  }

  document.addEventListener("keydown", (event) => {
    const listed = tasks();
    const { key, target } = event;
    const typing = target.matches("input, textarea, select");
    const held = event.metaKey || event.ctrlKey || event.altKey || event.repeat;
    if (!listed.length || typing || held || going || !keysAreOn() || document.querySelector("dialog[open], :popover-open")) {
      return;
    }
    const now = here(listed);
    if (key === "j" || key === "k") {
      const started = listed.some((task) => task.contains(document.activeElement));
      const step = key === "j" ? 1 : -1;
      last = started ? Math.max(0, Math.min(listed.length - 1, now + step)) : now;
      listed[last].focus();
    } else if ("cds".includes(key)) {
      last = now;
      listed[now].querySelector(`[data-does="${key}"]`)?.click();
    }
  });

  // The preview

  const form = document.getElementById("wording-form");
  let timer = 0;

  function preview() {
    htmx.ajax("POST", form.action, { source: form, target: "#wording-preview", swap: "outerHTML", values: { then: "preview" } });
  }

  form?.addEventListener("input", ({ target }) => {
    if (target.matches("[name=subject], [name=body], [name=prospect]")) {
      clearTimeout(timer);
      timer = setTimeout(preview, target.matches("select") ? 0 : 300);
    }
  });
}
