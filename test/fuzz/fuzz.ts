import { fireAway } from "./range.ts";

/** `bun run fuzz [SHOTS] [SEED]`: the long run; a failure says the seed that repeats it. */
const shots = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31));
const startedAt = performance.now();
process.stdout.write(`${shots} requests, seed ${seed}\n`);
const { byStatus, forwards } = await fireAway({
  shots,
  seed,
  lanes: 32,
  onProgress: (fired) => void (fired % 10_000 === 0 && process.stdout.write(`${fired}\n`)),
});
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
const statuses = [...byStatus].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([status, count]) => `${status}: ${count}`);
process.stdout.write(`${statuses.join(", ")}; ${forwards} forwards, all on record; ${seconds} s\n`);
