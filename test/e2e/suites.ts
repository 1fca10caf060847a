import type { Launcher } from "./launcher.ts";
import { badInputSuite } from "./suite-bad-input.ts";
import { dispatchSuite } from "./suite-dispatch.ts";
import { podiumFaultsSuite } from "./suite-podium-faults.ts";

/** Everything that must hold however the program was started. */
export const suites: readonly ((launcher: Launcher) => void)[] = [dispatchSuite, podiumFaultsSuite, badInputSuite];
