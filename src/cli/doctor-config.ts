import type { Examined } from "../config/load.ts";
import { lineOf } from "../config/mistakes.ts";
import type { Finding } from "./doctor-finding.ts";
import { problem, warning, well } from "./doctor-finding.ts";
import { programName } from "./options.ts";

const check = "configuration";

/** Each mistake and each warning of the configuration. */
export function configFindings({ mistakes, warnings, loaded, wantedFile, fileFound }: Examined): Finding[] {
  const wrong = mistakes.map((mistake) =>
    problem(
      check,
      lineOf(mistake),
      `Mend it there; ${programName} config check looks again, config init explains each key`,
    ),
  );
  const doubtful = warnings.map((text) =>
    warning(check, text, `${programName} config show says where each value came from`),
  );
  const fine = fileFound ? `${wantedFile} is valid` : `No file ${wantedFile}: the built-in defaults are used`;
  return [...(loaded ? [well(check, fine)] : wrong), ...doubtful];
}
