/** Runs before the first paint, so that a chosen theme never flashes up as the other one. A classic script: no module. */
{
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem("roxy-theme");
  } catch {
    // A browser may refuse its storage; then the system's theme is taken.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset["theme"] = chosen;
}
