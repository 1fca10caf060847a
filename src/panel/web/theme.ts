/** Runs before the first paint, so that a chosen theme never flashes up as the other one. */
export function chosen(): string | null {
  try {
    return localStorage.getItem("roxy-theme");
  } catch {
    return null;
  }
}
const theme = chosen();
if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
