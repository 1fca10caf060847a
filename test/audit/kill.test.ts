import { expect, test } from "bun:test";
import { killRounds } from "./kill-rounds.ts";
import { newPlace } from "./log-folder.ts";

/** src/audit/README.md, property 7; a thousand rounds: `bun test/torture/audit.ts`. */

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
const rounds = Number(process.env["KILL_ROUNDS"] ?? 12);

test(
  `Property 7: kill -9 at ${rounds} random moments under load: nothing acknowledged is missing (SEED=${seed})`,
  async () => {
    const acknowledged = await killRounds(newPlace(), rounds, seed);
    expect(acknowledged).toBeGreaterThan(rounds);
  },
  10_000 + rounds * 2_000,
);
