import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { runtime } from "#runtime";
import { filesCases } from "./files-cases.ts";

/** Plays every case on whichever runtime starts it; prints one JSON object: case name to error, or to null. */
const results: Record<string, string | null> = {};
for (const [name, play] of Object.entries(filesCases)) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "roxy-files-"));
  try {
    await play(runtime.files, dir);
    results[name] = null;
  } catch (error) {
    results[name] = String(error);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}
process.stdout.write(JSON.stringify(results));
