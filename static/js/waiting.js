// A payment that is being confirmed: the page is shown anew once there is something new to say.
"use strict";

const LOOK_MS = 4000;

const look = async () => {
  const answer = await fetch(location.href).catch(() => null);
  if (answer?.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.querySelector("[data-waits]")) return location.reload();
  }
  setTimeout(look, LOOK_MS);
};

if (document.querySelector("[data-waits]")) setTimeout(look, LOOK_MS);
