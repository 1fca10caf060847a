import type { Launcher } from "./launcher.ts";
import { auditSuite } from "./suite-audit.ts";
import { badInputSuite } from "./suite-bad-input.ts";
import { cliSuite } from "./suite-cli.ts";
import { configSuite } from "./suite-config.ts";
import { crashSuite } from "./suite-crash.ts";
import { descriptorsSuite } from "./suite-descriptors.ts";
import { demoSuite } from "./suite-demo.ts";
import { dispatchSuite } from "./suite-dispatch.ts";
import { endingSuite } from "./suite-ending.ts";
import { eventsSuite } from "./suite-events.ts";
import { hardeningSuite } from "./suite-hardening.ts";
import { idempotencySuite } from "./suite-idempotency.ts";
import { jobStreamSuite } from "./suite-job-stream.ts";
import { jobsSuite } from "./suite-jobs.ts";
import { orderSuite } from "./suite-order.ts";
import { podiumFaultsSuite } from "./suite-podium-faults.ts";
import { loadSuite } from "./suite-load.ts";
import { lostEndsSuite } from "./suite-lost-ends.ts";
import { pythonSuite } from "./suite-python.ts";
import { refusalsSuite } from "./suite-refusals.ts";
import { securePodiumSuite } from "./suite-secure-podium.ts";
import { socketSuite } from "./suite-socket.ts";
import { slowClientsSuite } from "./suite-slow-clients.ts";
import { statusSuite } from "./suite-status.ts";
import { streamSchedulesSuite } from "./suite-stream-schedules.ts";
import { streamSuite } from "./suite-stream.ts";
import { upgradeSuite } from "./suite-upgrade.ts";
import { tokensSuite } from "./suite-tokens.ts";

/** Everything that must hold however the program was started. */
export const suites: readonly ((launcher: Launcher) => void)[] = [
  dispatchSuite,
  tokensSuite,
  auditSuite,
  podiumFaultsSuite,
  securePodiumSuite,
  badInputSuite,
  refusalsSuite,
  statusSuite,
  socketSuite,
  streamSuite,
  streamSchedulesSuite,
  jobStreamSuite,
  lostEndsSuite,
  eventsSuite,
  slowClientsSuite,
  jobsSuite,
  idempotencySuite,
  orderSuite,
  hardeningSuite,
  descriptorsSuite,
  crashSuite,
  loadSuite,
  endingSuite,
  upgradeSuite,
  configSuite,
  cliSuite,
  pythonSuite,
  demoSuite,
];
