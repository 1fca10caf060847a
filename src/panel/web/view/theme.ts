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

/** All three in turn, and from the system's own to the other one first: each press shows. */
export function nextTheme(from: Theme): Theme {
  const [same, other] = matchMedia("(prefers-color-scheme: dark)").matches
    ? (["dark", "light"] as const)
    : (["light", "dark"] as const);
  if (from === "system") return other;
  return from === other ? same : "system";
}

export function chooseTheme(chosen: Theme): Theme {
  const isOwn = chosen !== "system";
  if (isOwn) document.documentElement.dataset["theme"] = chosen;
  else delete document.documentElement.dataset["theme"];
  // A browser may refuse its cookies: the choice then lasts until the reload.
  document.cookie = `${cookie}=${chosen}; Path=/; Max-Age=${isOwn ? keptS : 0}; SameSite=Strict`;
  dispatchEvent(new Event("themechange"));
  return chosen;
}
