import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { Identity } from "./raw-server.ts";

/** Certificates of an authority of one's own, as a company has one: nobody trusts it who was not told to. */

/** Without it nothing can be tested over TLS; under CI its absence is a failure. */
export const hasOpenssl = Bun.which("openssl") !== null || process.env["CI"] === "true";
if (!hasOpenssl) process.stderr.write("SKIPPED, because openssl is missing: everything over TLS\n");

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** @returns its certificate, as a file in `dir` */
export function newAuthority(dir: string): string {
  openssl(dir, "req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-days", "2");
  return path.join(dir, "ca.pem");
}

/** @param names such as `IP:127.0.0.1` */
export function identityOf(dir: string, names: string): Identity {
  openssl(dir, "req", ...newKey, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=podium");
  fs.writeFileSync(path.join(dir, "names"), `subjectAltName=${names}`);
  const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2"];
  openssl(dir, "x509", "-req", "-in", "own.csr", ...signing, "-out", "own.pem");
  const read = (name: string): string => fs.readFileSync(path.join(dir, name), "utf8");
  return { key: read("own.key"), cert: read("own.pem") };
}

function openssl(dir: string, ...args: string[]): void {
  execFileSync("openssl", args, { cwd: dir, stdio: "ignore" });
}
