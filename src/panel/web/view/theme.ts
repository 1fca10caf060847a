export type Theme = "system" | "light" | "dark";

const slot = "roxy-theme";

/** The theme that is chosen; `theme.ts` beside the page sets it before the first paint. */
export function theme(): Theme {
  const { theme: chosen } = document.documentElement.dataset;
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

export function nextTheme(from: Theme): Theme {
  if (from === "system") return matchMedia("(prefers-color-scheme: dark)").matches ? "light" : "dark";
  return from === "light" ? "dark" : "light";
}

export function chooseTheme(chosen: Theme): Theme {
  document.documentElement.dataset["theme"] = chosen;
  try {
    localStorage.setItem(slot, chosen);
  } catch {
    // Storage may be forbidden: the choice then lasts until the reload.
  }
  dispatchEvent(new Event("themechange"));
  return chosen;
}
