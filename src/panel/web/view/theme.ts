export type Theme = "system" | "light" | "dark";

const cookie = "roxy_theme";
/** A year. */
const keptS = 31_536_000;

/** The theme that is chosen. roxy-core reads the cookie and sends the page in it, so that no other one flashes up. */
export function theme(): Theme {
  if (typeof document === "undefined") return "system";
  const { theme: chosen } = document.documentElement.dataset;
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

export function nextTheme(from: Theme): Theme {
  if (from === "system") return matchMedia("(prefers-color-scheme: dark)").matches ? "light" : "dark";
  return from === "light" ? "dark" : "light";
}

export function chooseTheme(chosen: Theme): Theme {
  document.documentElement.dataset["theme"] = chosen;
  // A browser may refuse its cookies: the choice then lasts until the reload.
  document.cookie = `${cookie}=${chosen}; Path=/; Max-Age=${keptS}; SameSite=Strict`;
  dispatchEvent(new Event("themechange"));
  return chosen;
}
