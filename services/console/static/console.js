// What a page does besides, where there is a script: keys, the theme, and telling how fresh its numbers are.
"use strict";

// Only htmx puts markup into the page, and only what our own server rendered; it makes no script.
htmx.registerExtension("trusted", {
  init: (api) => {
    if (window.trustedTypes) api.initSecurity(trustedTypes.createPolicy("htmx", { createHTML: (markup) => markup }));
  },
});

const STALE_AFTER = 10000;
const POLLED_EVERY = 5000;

const byId = (id) => document.getElementById(id);

function dropDowns() {
  const all = document.querySelectorAll("details.drop");
  const closeOthers = (open) => all.forEach((each) => each !== open && (each.open = false));
  all.forEach((each) =>
    each.addEventListener("toggle", () => {
      if (!each.open) return;
      closeOthers(each);
      each.querySelector("input:not([type=hidden])")?.focus();
    }),
  );
  document.addEventListener("click", (event) => event.target.closest("details.drop") || closeOthers(null));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const open = document.querySelector("details.drop[open]");
      closeOthers(null);
      open?.querySelector("summary").focus();
    }
    const isWriting = event.target.closest("input, textarea, select");
    if (event.key === "!" && !isWriting && byId("stop")) {
      event.preventDefault();
      byId("stop").open = true;
    }
  });
}

function theme() {
  const button = byId("theme");
  if (!button) return;
  button.hidden = false;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  button.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // it is dark until the page is left
    }
  });
}

// A form that is on its way says so, and is sent once.
function sending() {
  document.addEventListener("submit", (event) => {
    const button = event.submitter || event.target.querySelector("button");
    if (event.target.dataset.sent) return event.preventDefault();
    event.target.dataset.sent = "yes";
    button?.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
    });
  });
}

function liveness() {
  const stream = byId("stream");
  const shown = byId("liveness");
  if (!stream || !shown) return;
  let heardAt = Date.now();
  let polling = null;
  const say = (state, words) => {
    if (shown.dataset.state === state) return;
    shown.dataset.state = state;
    shown.textContent = words;
    shown.hidden = false;
  };
  const heard = () => {
    heardAt = Date.now();
    clearInterval(polling);
    polling = null;
  };
  stream.addEventListener("beat", heard);
  stream.addEventListener("htmx:sse:after:message", heard);
  const poll = () => {
    if (document.hidden) return;
    htmx
      .ajax("GET", location.href, { source: stream, swap: "none" })
      .then(() => (heardAt = Date.now()))
      .catch(() => undefined); // it stays stale, and says since when
  };
  setInterval(() => {
    if (document.hidden) return say("paused", "paused");
    if (Date.now() - heardAt <= STALE_AFTER) return say("live", polling ? "live, every 5 seconds" : "live");
    say("stale", `stale since ${new Date(heardAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`);
    polling ??= setInterval(poll, POLLED_EVERY);
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) say("paused", "paused");
    else heardAt = Date.now();
  });
}

// A file that is chosen or dropped names itself where it was dropped.
function files() {
  document.querySelectorAll("input[type=file]").forEach((input) => {
    const zone = input.closest(".dropzone");
    const name = zone?.querySelector(".dropzone-name");
    input.addEventListener("change", () => name && (name.textContent = input.files[0]?.name ?? ""));
    for (const [kind, over] of Object.entries({ dragenter: true, dragleave: false, drop: false }))
      input.addEventListener(kind, () => zone?.classList.toggle("is-over", over));
  });
}

dropDowns();
theme();
sending();
liveness();
files();
