import type { Files } from "../runtime/types.ts";
import catalogue from "./examples/catalogue.json" with { type: "json" };
import nightlyPlan from "./examples/SKOREQ-NIGHTLY.json" with { type: "json" };
import examplePlan from "./examples/SKOREQ-XXX.json" with { type: "json" };

/** Where luno keeps its things. People edit the catalogue and the plans; the rest is its own. */
export interface Folder {
  readonly root: string;
  readonly cataloguePath: string;
  readonly plansFolder: string;
  readonly appliedFolder: string;
  readonly statePath: string;
  readonly auditPath: string;
  readonly lockPath: string;
}

export function folderAt(root: string): Folder {
  return {
    root,
    cataloguePath: `${root}/catalogue.json`,
    plansFolder: `${root}/plans`,
    appliedFolder: `${root}/applied`,
    statePath: `${root}/state.json`,
    auditPath: `${root}/enqueue-audit.jsonl`,
    lockPath: `${root}/luno.lock`,
  };
}

/**
 * Makes the folder, and at the first start puts the example set into it. The catalogue comes last: a crash before it
 * leaves a folder that is filled again, and plans that are there already stay as people left them.
 */
export function fillFolder(files: Files, folder: Folder): void {
  for (const path of [folder.root, folder.plansFolder, folder.appliedFolder]) files.makeFolder(path, 0o700);
  if (files.stat(folder.cataloguePath)) return;
  for (const plan of [examplePlan, nightlyPlan]) writeOnce(files, `${folder.plansFolder}/${plan.planId}.json`, plan);
  writeOnce(files, folder.cataloguePath, catalogue);
}

function writeOnce(files: Files, path: string, document: object): void {
  try {
    files.writeNew(path, `${JSON.stringify(document, null, 2)}\n`, 0o600);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
  }
}
