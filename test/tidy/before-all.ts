import { afterAll, setDefaultTimeout } from "bun:test";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Loaded before every run: all temporary folders of its tests lie in one, which goes when the last test has ended. */
const folder = mkdtempSync(path.join(tmpdir(), "roxy-"));
// Tests that run the program as somebody else have to get through.
chmodSync(folder, 0o711);
process.env["TMPDIR"] = folder;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// The slowest single test starts three processes and waits for them to end, on whatever machine.
setDefaultTimeout(60_000);
