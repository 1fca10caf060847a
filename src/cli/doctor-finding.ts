/** One thing that the doctor has looked at. Details are printable when they hold words from elsewhere. */
export interface Finding {
  readonly check: string;
  readonly state: "ok" | "warning" | "problem";
  readonly detail: string;
  /** What to do about it; always there when something is wrong. */
  readonly fix?: string;
}

export function well(check: string, detail: string): Finding {
  return { check, state: "ok", detail };
}

export function warning(check: string, detail: string, fix: string): Finding {
  return { check, state: "warning", detail, fix };
}

export function problem(check: string, detail: string, fix: string): Finding {
  return { check, state: "problem", detail, fix };
}
