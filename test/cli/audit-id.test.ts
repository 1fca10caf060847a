import { expect, test } from "bun:test";
import path from "node:path";
import { runHere } from "./in-process.ts";
import { useScriptedStage } from "./stage.ts";

const stage = useScriptedStage();

test("audit show and audit prove take a job's id for its audit id, and say what they take when it is neither", async () => {
  const answer = JSON.parse((await stage.run("dispatch", "enqueue_story", "A-1", "--json")).stdout);
  const { job_id: jobId, audit_id: auditId } = answer as { job_id: string; audit_id: string };
  await stage.run("dispatch", "enqueue_story", "A-2");
  // What is sealed can be proved.
  await stage.gateway.stop();
  const audit = (...words: string[]): ReturnType<typeof runHere> => runHere(stage.env, ["audit", ...words]);

  const shown = await audit("show", auditId);
  expect(shown.stdout).toContain(`job_id           ${jobId}`);
  expect(await audit("show", ` ${jobId.toLowerCase()}\n`)).toEqual(shown);
  expect((await audit("show", jobId, "--json")).stdout.trimEnd().split("\n")).toHaveLength(2);

  const proof = await audit("prove", jobId);
  expect(JSON.parse(proof.stdout)).toMatchObject({ audit_id: auditId, records: [{}, {}] });
  expect(proof).toEqual(await audit("prove", auditId));
  const file = path.join(stage.gateway.root, "proof.json");
  await Bun.write(file, proof.stdout);
  expect(await audit("check-proof", file)).toMatchObject({ code: 0 });

  for (const command of ["show", "prove"]) {
    const none = await audit(command, "JOB-20200101-001");
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr).toContain("The audit log holds no records of JOB-20200101-001");
    const neither = await audit(command, "A-1");
    expect(neither).toMatchObject({ code: 2, stdout: "" });
    expect(neither.stderr).toContain('"A-1" is neither an audit id (AUD-…) nor a job id (JOB-20260109-001)');
  }
});
