import { runtime } from "#runtime";

/** Takes the lock that it is told and holds it until it is killed; says `held` or `refused`. */
const [target] = runtime.process.args;
const lock = runtime.files.lock(target ?? "");
process.stdout.write(lock ? "held\n" : "refused\n");
if (lock) {
  // A word on standard input makes it let go; without one it waits for the kill.
  process.stdin.once("data", () => {
    lock.release();
    process.stdout.write("released\n");
  });
}
