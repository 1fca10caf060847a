import { $ } from "bun";
import { builtPanel } from "./src/panel/assets.ts";
import type { PanelFile, PanelFiles } from "./src/panel/assets.ts";

/**
 * Compiles the program with its runtime into one file.
 *   bun build.ts              dist/roxy-core for this machine
 *   bun build.ts NAME...      dist/roxy-core-NAME for other machines
 *   bun build.ts all          every one of them
 *   bun build.ts panel        the web panel alone, for running from source
 * Beside the binaries lie SHA256SUMS and a bill of materials (roxy-core.cdx.json). The same commit gives the same bytes,
 * whatever the folder.
 * The web panel is bundled first: into dist/panel.json, and from there into the program.
 */
const targets = {
  "linux-x64": "bun-linux-x64-baseline",
  "linux-x64-musl": "bun-linux-x64-musl-baseline",
  "linux-arm64": "bun-linux-arm64",
  "linux-arm64-musl": "bun-linux-arm64-musl",
  "darwin-arm64": "bun-darwin-arm64",
} as const;
type Name = keyof typeof targets;

async function commitOf(): Promise<string> {
  const head = await $`git rev-parse --short=12 HEAD`.nothrow().quiet();
  if (head.exitCode !== 0) return "unknown";
  const changed = await $`git status --porcelain --untracked-files=no`.nothrow().quiet();
  return head.text().trim() + (changed.text().trim() === "" ? "" : "-changed");
}

/** The web panel's files by the path they are served at. */
async function bundlePanel(): Promise<PanelFiles> {
  const web = "src/panel/web";
  const result = await Bun.build({
    entrypoints: [`${web}/panel.tsx`, `${web}/style/panel.css`],
    target: "browser",
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
    naming: "[name].[ext]",
  });
  if (!result.success) throw new AggregateError(result.logs, "Cannot build the web panel");
  const textOf = (ending: string): Promise<string> =>
    result.outputs.find(({ path }) => path.endsWith(ending))?.text() ?? Promise.reject(new Error(`No ${ending}`));
  const page = await pageOf(await Bun.file(`${web}/page.html`).text(), await textOf(".css"), await shell());
  const files: PanelFiles = {
    "/": page,
    "/panel/panel.js": panelFile("text/javascript;charset=utf-8", await textOf(".js")),
    "/panel/icon.svg": panelFile("image/svg+xml", await Bun.file(`${web}/icon.svg`).text()),
  };
  await Bun.write(builtPanel, JSON.stringify(files));
  const weights = Object.values(files).map(({ gzip }) => (gzip.length * 3) / 4);
  console.log(`${builtPanel} (${(weights.reduce((a, b) => a + b, 0) / 1000).toFixed(1)} KB gzip)`);
  return files;
}

/**
 * The page with its style and its first sight inside: one request, and no script, until something is painted. A theme
 * that was chosen is a page of its own, so that the other one never flashes up.
 */
async function pageOf(template: string, style: string, shellMarkup: string): Promise<PanelFile> {
  const put = (text: string, place: string, what: string): string => {
    if (!text.includes(place)) throw new Error(`page.html has no ${place}`);
    return text.replace(place, () => what);
  };
  const whole = put(put(template, "<!--style-->", `<style>${style}</style>`), "<!--shell-->", shellMarkup);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  const styleHash = `sha256-${Buffer.from(digest).toString("base64")}`;
  const page = (text: string): PanelFile => ({ ...panelFile("text/html;charset=utf-8", text), styleHash });
  const themed = (theme: string): PanelFile => page(put(whole, "<html ", `<html data-theme="${theme}" `));
  return { ...page(whole), themes: { light: themed("light"), dark: themed("dark") } };
}

/** The panel before it knows anything, made by the panel's own components: Hono's server JSX takes the browser's place. */
async function shell(): Promise<string> {
  const result = await Bun.build({
    entrypoints: ["src/panel/web/shell.tsx"],
    target: "bun",
    plugins: [
      {
        name: "server-jsx",
        setup({ onResolve }) {
          onResolve({ filter: /^hono\/jsx\/dom(\/jsx-(dev-)?runtime)?$/ }, ({ path }) => ({
            path: Bun.resolveSync(path.replace("/dom", ""), import.meta.dir),
          }));
        },
      },
    ],
  });
  const [output] = result.outputs;
  if (!result.success || !output) throw new AggregateError(result.logs, "Cannot build the panel's shell");
  const file = `dist/shell-${process.pid}.mjs`;
  await Bun.write(file, output);
  try {
    const { shellMarkup } = (await import(`${import.meta.dir}/${file}`)) as { shellMarkup: () => string };
    return shellMarkup();
  } finally {
    await Bun.file(file).delete();
  }
}

function panelFile(type: string, text: string): PanelFile {
  const bytes = Buffer.from(text);
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex").slice(0, 16);
  const gzip = Buffer.from(Bun.gzipSync(bytes, { level: 9 })).toString("base64");
  return { type, text, gzip, etag: `"${hash}"` };
}

interface Ingredients {
  readonly commit: string;
  readonly panel: PanelFiles;
}

async function compile(outfile: string, target: string | undefined, { commit, panel }: Ingredients): Promise<void> {
  const result = await Bun.build({
    entrypoints: ["src/main.ts"],
    minify: true,
    bytecode: true,
    splitting: true,
    format: "esm",
    define: {
      ROXY_COMMIT: JSON.stringify(commit),
      ROXY_PANEL: JSON.stringify(panel),
      "process.env.NODE_ENV": '"production"',
    },
    compile: { outfile, ...(target !== undefined && { target: target as Bun.Build.CompileTarget }) },
  });
  if (!result.success) throw new AggregateError(result.logs, `Cannot build ${outfile}`);
  console.log(`${outfile} (${commit}, ${(Bun.file(outfile).size / 1e6).toFixed(0)} MB)`);
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Promise<Manifest> => Bun.file(`${folder}/package.json`).json();

/** Every package whose code can be inside the program, with those that it brings along. */
async function packagesInside(): Promise<Manifest[]> {
  const found = new Map<string, Manifest>();
  const waiting = [await manifestOf(".")];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    for (const name of Object.keys(next.dependencies ?? {})) {
      const nested = `node_modules/${next.name}/node_modules/${name}`;
      const manifest = await manifestOf(
        (await Bun.file(`${nested}/package.json`).exists()) ? nested : `node_modules/${name}`,
      );
      const key = `${manifest.name}@${manifest.version}`;
      if (found.has(key)) continue;
      found.set(key, manifest);
      waiting.push(manifest);
    }
  }
  return [...found.keys()].toSorted().map((key) => found.get(key)!);
}

/** What is inside, as CycloneDX 1.6. No time and no random number in it: the same source gives the same file. */
async function writeBillOfMaterials(commit: string): Promise<void> {
  const { name, version } = await manifestOf(".");
  const component = ({ name: named, version: exact, license }: Manifest): object => ({
    type: "library",
    "bom-ref": `pkg:npm/${named.replace("@", "%40")}@${exact}`,
    name: named,
    version: exact,
    purl: `pkg:npm/${named.replace("@", "%40")}@${exact}`,
    ...(license !== undefined && { licenses: [{ expression: license }] }),
  });
  const runtime = { type: "platform", "bom-ref": `bun@${Bun.version}`, name: "bun", version: Bun.version };
  const bill = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "application", name, version, properties: [{ name: "commit", value: commit }] } },
    components: [...(await packagesInside()).map(component), runtime],
  };
  await Bun.write("dist/roxy-core.cdx.json", `${JSON.stringify(bill, null, 2)}\n`);
}

/** For `sha256sum -c SHA256SUMS`: every binary that lies there, and the bill of materials. */
async function writeChecksums(): Promise<void> {
  const files = [...new Bun.Glob("roxy-core*").scanSync("dist")].toSorted();
  const lines = await Promise.all(
    files.map(async (file) => {
      const hasher = new Bun.CryptoHasher("sha256");
      for await (const chunk of Bun.file(`dist/${file}`).stream()) hasher.update(chunk);
      return `${hasher.digest("hex")}  ${file}\n`;
    }),
  );
  await Bun.write("dist/SHA256SUMS", lines.join(""));
}

const wanted = process.argv.slice(2).filter((name) => name !== "panel");
const panelOnly = wanted.length === 0 && process.argv.includes("panel");
const names = (wanted.includes("all") ? Object.keys(targets) : wanted) as Name[];
const unknown = names.filter((name) => !(name in targets));
if (unknown.length > 0) {
  console.error(`No such target: ${unknown.join(", ")}. There are: ${Object.keys(targets).join(", ")}, all, panel`);
  process.exit(2);
}
const panel = await bundlePanel();
if (!panelOnly) {
  const ingredients = { commit: await commitOf(), panel };
  if (names.length === 0) await compile("dist/roxy-core", undefined, ingredients);
  for (const name of names) await compile(`dist/roxy-core-${name}`, targets[name], ingredients);
  await writeBillOfMaterials(ingredients.commit);
  await writeChecksums();
}
