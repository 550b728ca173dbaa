"use strict";

/* A text area of words becomes chips: Enter or a comma adds one, Backspace takes the last one back.
   The text area stays the field that is posted, one entry a line. */

{
  const SEPARATORS = /[,;\n]/;

  function enhance(field) {
    const box = document.createElement("div");
    const list = document.createElement("ul");
    const entry = document.createElement("input");
    const label = field.labels[0];
    let words = split(field.value);

    function split(text) {
      const parts = text.split(SEPARATORS).map((part) => part.trim().replace(/\s+/g, " "));
      return parts.filter(Boolean);
    }

    function chip(word) {
      const item = document.createElement("li");
      const text = document.createElement("span");
      const remove = document.createElement("button");
      const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      text.textContent = word;
      remove.type = "button";
      remove.setAttribute("aria-label", `Remove ${word}`);
      icon.setAttribute("viewBox", "0 0 16 16");
      icon.setAttribute("class", "icon");
      icon.setAttribute("aria-hidden", "true");
      line.setAttribute("d", "m4 4 8 8M12 4l-8 8");
      icon.append(line);
      remove.append(icon);
      remove.addEventListener("click", () => {
        set(words.filter((other) => other !== word));
        entry.focus();
      });
      item.append(text, remove);
      return item;
    }

    function show() {
      list.replaceChildren(...words.map(chip));
    }

    function set(next) {
      words = next.filter((word, place) => place === next.findIndex(
        (other) => other.toLowerCase() === word.toLowerCase(),
      ));
      field.value = words.join("\n");
      field.dispatchEvent(new Event("input", { bubbles: true }));
      show();
    }

    function take() {
      const typed = split(entry.value);
      entry.value = "";
      if (typed.length) {
        set([...words, ...typed]);
      }
    }

    entry.type = "text";
    entry.autocomplete = "off";
    entry.spellcheck = false;
    entry.id = `${field.id}-entry`;
    entry.setAttribute("aria-describedby", field.getAttribute("aria-describedby") ?? "");
    label.htmlFor = entry.id;
    box.className = "words";
    box.toggleAttribute("data-invalid", field.getAttribute("aria-invalid") === "true");
    box.append(list, entry);
    list.setAttribute("aria-label", label.textContent);
    field.hidden = true;
    field.after(box);
    show();

    box.addEventListener("click", (event) => event.target === box && entry.focus());
    entry.addEventListener("blur", take);
    entry.addEventListener("input", () => SEPARATORS.test(entry.value) && take());
    entry.addEventListener("paste", (event) => {
      const text = event.clipboardData.getData("text");
      if (SEPARATORS.test(text)) {
        event.preventDefault();
        set([...words, ...split(text)]);
      }
    });
    entry.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && entry.value.trim() && !event.metaKey && !event.ctrlKey) {
        event.preventDefault();
        take();
      } else if (event.key === "Backspace" && !entry.value && words.length) {
        event.preventDefault();
        entry.value = words.at(-1);
        set(words.slice(0, -1));
      }
    });
    field.form.addEventListener("submit", take, true);
  }

  document.querySelectorAll("textarea[data-chips]").forEach(enhance);
}
