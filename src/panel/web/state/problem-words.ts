import type { PlainProblem } from "../api/requests.ts";

/** An error for a person: what happened, whether it ran, what to do. */
export interface ProblemWords {
  readonly what: string;
  /** The gateway's or Podium's own words. */
  readonly detail: string;
  readonly ran: string;
  readonly remedy: string;
  /** Whole seconds from the answer until it can be pressed again: to be counted, before the remedy. */
  readonly waitS?: number;
}

/** What helps, by code; the rest follows from `retry`. */
const remedies: Readonly<Record<string, string>> = {
  invalid_request: "Correct what is named above and press again.",
  unauthorized: "Enter the token that roxy-core asks for.",
  forbidden_role: "Sign in with an admin's token.",
  forbidden_host: "Open this page under an address that roxy-core allows (listen.allowed_hosts).",
  forbidden_origin: "Open this page from roxy-core itself, or allow its origin (listen.allowed_origins).",
  podium_unreachable: "Start Podium, then press again.",
  podium_rejected: "Read Podium's reason; press again when it no longer holds.",
  audit_unavailable: "Make room on the disk or mend the log's folder; nothing is dispatched before that.",
  queue_full: "Wait until some of what is waiting has gone through, then press again.",
  shutting_down: "Wait until roxy-core is back, then press again.",
  cancelled_by_halt: "Press again once the orchestrator runs.",
  idempotency_mismatch: "It was pressed under another name before: sign in as then, or press in a new tab.",
};

/** What a problem came of. */
export interface Asked {
  /** A command, and not a read: its key is kept here for the repeat. */
  readonly isCommand: boolean;
  /** The stop: each has a key of its own, and halting what is halted changes nothing. */
  readonly isHalt?: boolean;
  /** What became of a press before this one is not known, and this problem does not tell. */
  readonly earlierInDoubt?: boolean;
  /** Of a read that only a press of this button repeats. */
  readonly button?: string | undefined;
}

export function problemWords(problem: PlainProblem, asked: Asked): ProblemWords {
  const faults = problem.faults.map(({ pointer, detail }) => `${pointer.replace(/^\/(payload\/)?/, "")}: ${detail}`);
  const words = {
    what: titleOf(problem, asked.isCommand),
    detail: faults.length > 0 ? faults.join("; ") : besideTitle(problem),
    ran: ranWords(problem, asked),
    ...remedyFor(problem, asked),
  };
  return asked.isHalt ? haltWords(problem, words) : words;
}

const haltAgain =
  "Halt again: a second halt does no harm. Where none comes through, stop the orchestrator's own process.";

/** Of a stop, that it did not come through is the news; "nothing was executed" would sound like a good one. */
function haltWords({ code, retry }: PlainProblem, { what, detail }: ProblemWords): ProblemWords {
  return {
    what: retry === "same-key" ? "Not known whether it halted" : "NOT HALTED",
    detail: `${what}: ${detail}`.replace(/[.]?$/, "."),
    ran: "",
    remedy: code === "unauthorized" || code === "forbidden_role" ? remedies[code]! : haltAgain,
  };
}

/** The code has one title, of the one who writes; who has only read could not read. */
function titleOf({ code, title }: PlainProblem, isCommand: boolean): string {
  return code === "audit_unavailable" && !isCommand ? "The audit log can't be read" : title;
}

/** Which key to repeat with: advice for programs. The page keeps the keys of its buttons itself. */
const keyAdvice = /[;,.] (?:or )?(?:repeat|try again)\b[^;.]*\bIdempotency-Key\b.*$/is;

/** What the page says around it already, and what is meant for programs: that nothing ran, and which key to use next. */
export function withoutRepeats(detail: string): string {
  const rest = detail
    .replace(/^Podium refused: /, "")
    .replace(/[;,.]? nothing was executed\b[^.]*\.?$/i, "")
    .replace(keyAdvice, "");
  return rest === "" ? detail : rest;
}

/** Under its title, and beside the words for whether it ran, a detail says only what those don't. */
function besideTitle({ title, detail }: PlainProblem): string {
  const rest = withoutRepeats(detail)
    .replace(/^The command was sent and Podium's answer does not settle what it did: /, "")
    .replace(/\. It may have been executed$/, "");
  return rest.startsWith(title) ? rest.slice(title.length).replace(/^[:;] /, "") || detail : rest;
}

function ranWords({ retry, code }: PlainProblem, { isCommand, earlierInDoubt }: Asked): string {
  if (!isCommand) return "";
  if (code === "in_flight") return "It is being worked on right now.";
  if (retry === "same-key") return "It is not known whether it ran.";
  return earlierInDoubt ? "The press before it may have run: that is not known yet." : "Nothing was executed.";
}

const keyKept = "the same key is kept, so it can't run twice.";

function remedyFor(
  problem: PlainProblem,
  { isCommand, earlierInDoubt, button }: Asked,
): Pick<ProblemWords, "remedy" | "waitS"> {
  const { code, retry, retryAfterS } = problem;
  if (!isCommand && button !== undefined) {
    return { remedy: remedies[code] ?? (retry === "never" ? "" : `Press ${button} again.`) };
  }
  if (!isCommand) return { remedy: remedies[code] ?? "It is tried again by itself." };
  if (retry === "same-key") return { remedy: `Press again: ${keyKept}` };
  const kept = earlierInDoubt && code !== "idempotency_mismatch" ? `When you press again, ${keyKept}` : "";
  if (retryAfterS !== undefined && retryAfterS > 0) return { waitS: retryAfterS, remedy: kept };
  const known = remedies[code];
  if (known === undefined && retry === "safe") {
    return { remedy: earlierInDoubt ? `Press again: ${keyKept}` : "Press again when you like." };
  }
  return { remedy: `${known ?? "Change it before you press again."} ${kept}`.trim() };
}
