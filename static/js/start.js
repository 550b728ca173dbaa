"use strict";

/* The browser knows its time zone; it is offered, never set. */

{
  const guess = document.getElementById("zone-guess");
  const field = document.querySelector("input[name=timezone]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = [...document.querySelectorAll("#zones option")].some(({ value }) => value === zone);

  if (guess && field && known && field.value !== zone) {
    guess.hidden = false;
    guess.querySelector("b").textContent = zone;
    guess.querySelector("button").addEventListener("click", () => {
      field.value = zone;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      guess.hidden = true;
      field.focus();
    });
  }
}
