"use strict";

/* Copying an address, the section that is being read, and a theme that holds at once. */

{
  document.querySelectorAll("[data-copies]").forEach((button) => {
    const text = document.getElementById(button.dataset.copies);
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        toast("Copied.", "");
      } catch {
        getSelection().selectAllChildren(text);
        toast("Selected; copy it with your keyboard.", "");
      }
    });
  });

  document.querySelector("[data-saves]")?.addEventListener("change", ({ target }) => {
    target.form.requestSubmit();
  });

  const links = new Map(
    [...document.querySelectorAll(".jumps a")].map((link) => [link.hash.slice(1), link]),
  );
  const seen = new Set();
  const watcher = new IntersectionObserver(
    (entries) => {
      entries.forEach(({ target, isIntersecting }) => {
        seen[isIntersecting ? "add" : "delete"](target.id);
      });
      const first = [...links.keys()].find((id) => seen.has(id));
      links.forEach((link, id) => {
        if (id === first) {
          link.setAttribute("aria-current", "true");
        } else {
          link.removeAttribute("aria-current");
        }
      });
    },
    { rootMargin: "-64px 0px -50% 0px" },
  );
  document.querySelectorAll(".sections > section").forEach((section) => watcher.observe(section));
}
