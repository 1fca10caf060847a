/** @jsxImportSource hono/jsx/dom */
import { useState } from "hono/jsx/dom";
import { Icon } from "./icon.tsx";

const shownMs = 1_500;

export function CopyButton({ text, label, words }: { text: string; label: string; words?: string }) {
  const [copied, setCopied] = useState<"" | "copied" | "failed">("");
  const copy = async (): Promise<void> => {
    setCopied((await copyText(text)) ? "copied" : "failed");
    setTimeout(() => setCopied(""), shownMs);
  };
  const said = copied === "copied" ? "Copied" : copied === "failed" ? "Can't copy: select it by hand" : "";
  const shown = said === "" ? (words ?? "") : said;
  return (
    <span class="copy">
      <button
        type="button"
        class={shown === "" ? "quiet icon-only" : "quiet"}
        aria-label={shown === "" ? label : null}
        onClick={() => void copy()}
      >
        <Icon name={copied === "copied" ? "check" : "copy"} />
        {shown !== "" && <span>{shown}</span>}
      </button>
      <span class="unseen" role="status">
        {said}
      </span>
    </span>
  );
}

/** The clipboard is there on this machine's own addresses and over HTTPS; elsewhere the old way still works. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
