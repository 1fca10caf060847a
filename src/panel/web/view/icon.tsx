/** @jsxImportSource hono/jsx/dom */

const paths = {
  play: "M4.5 2.8v10.4L13 8z",
  stop: "M4 4h8v8H4z",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5l3.2 3.2L13 5",
  theme: "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11zM8 4.5v7M10 5v6M12 6.3v3.4",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  down: "M8 2.5v8M4.5 7.5L8 11l3.5-3.5M3 13.5h10",
} as const;
export type IconName = keyof typeof paths;

const filled: ReadonlySet<IconName> = new Set(["play", "stop"]);

/** Decoration: the words beside it, or its button's label, say what it means. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={filled.has(name) ? "icon icon-filled" : "icon"} viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
