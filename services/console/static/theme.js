// Before the page is drawn: the theme that was chosen, or else the system's own.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch {
    // a browser that keeps nothing shows the system's theme
  }
})();
