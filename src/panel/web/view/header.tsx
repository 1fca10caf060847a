/** @jsxImportSource hono/jsx/dom */
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { connectionWord } from "../state/connection.ts";
import { haltedOf } from "../state/halted.ts";
import { timeWords } from "../state/words.ts";
import { HaltControl, HaltNote } from "./halt-button.tsx";
import { Icon } from "./icon.tsx";
import { openHelp } from "./help.tsx";
import { SignedIn, SignOutNote } from "./signed-in.tsx";
import { Text } from "./text.tsx";
import { chooseTheme, nextTheme, theme } from "./theme.ts";

const pages = [
  { name: "orchestrator", href: "#/", label: "Orchestrator" },
  { name: "audit", href: "#/audit", label: "Audit" },
  { name: "services", href: "#/services", label: "Services" },
] as const;

/** What is always there: where we are, how things stand, and the stop. */
export function Header({ session, state }: { session: Session; state: PanelState }) {
  const time = (at: string): string => timeWords(at, state.nowMs);
  const halted = haltedOf(state.work, state.jobs, time);
  const { level, word, detail, isGap } = connectionWord(state.facts, time, halted);
  return (
    <header class="top">
      <div class="bar">
        <div class="brand">
          roxy<span>core</span>
        </div>
        <nav aria-label="Pages">
          {pages.map(({ name, href, label }) => (
            <a href={href} key={name} data-label={label} aria-current={state.page.name === name ? "page" : null}>
              {label}
            </a>
          ))}
        </nav>
        <div class="tools">
          <SignedIn session={session} state={state} />
          <ThemeButton />
          <button type="button" class="quiet icon-only" aria-label="Help and keyboard" onClick={openHelp}>
            ?
          </button>
        </div>
        <HaltControl session={session} state={state} />
      </div>
      <div class={`state ${level}`} role="status">
        <span class="lamp" />
        <b>{word}</b>
        {/* Another word is another line: a new one comes, none moves. */}
        <span class="state-detail" key={word}>
          <Text text={detail} chars={240} />
        </span>
        {state.outdated && (
          <button type="button" class="quiet small" onClick={() => location.reload()}>
            Another version: reload
          </button>
        )}
        {isGap && (
          <button type="button" class="quiet small" onClick={() => session.store.facts({ gap: undefined })}>
            Seen
          </button>
        )}
      </div>
      <HaltNote session={session} state={state} />
      <SignOutNote session={session} state={state} />
    </header>
  );
}

function ThemeButton() {
  const chosen = theme();
  const turn = (): void => void chooseTheme(nextTheme(chosen));
  return (
    <button
      type="button"
      class="quiet icon-only"
      aria-label={`Theme: ${chosen}`}
      title={`Theme: ${chosen}`}
      onClick={turn}
    >
      <Icon name="theme" />
    </button>
  );
}
