// The booking pages: the visitor's own time zone, and a form that is sent once.
"use strict";

for (const form of document.querySelectorAll("form[data-zone]")) {
  const select = form.querySelector("select");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = [...select.options].some((option) => option.value === own);
  const asked = new URLSearchParams(location.search).has("timezone");
  const typed = document.querySelector(".errorlist");
  if (known && !asked && !typed && select.value !== own) {
    const there = new URL(location.href);
    there.searchParams.set("timezone", own);
    location.replace(there);
  }
  select.addEventListener("change", () => form.requestSubmit());
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}

addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
});

for (const day of document.querySelectorAll("details.day:has(:checked)")) day.open = true;
