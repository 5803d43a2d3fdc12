// site.mjs debug|release: makes `site/` beside the server's binary from the wasm that cargo built,
// style/main.css and public/. With `release` the files are small, compressed beside themselves, and
// those in pkg/ carry a hash in their names, which hash.txt beside the binary tells to the server.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, gzip, constants as zlib } from "node:zlib";
import { build } from "esbuild";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));

const kind = process.argv[2];
if (kind !== "debug" && kind !== "release") {
  throw new Error("usage: site.mjs debug|release");
}
const release = kind === "release";

const name = "natter";
const front = release ? "target" : "target/front";
const compiled = `${front}/wasm32-unknown-unknown/${kind}/${name}.wasm`;
const folder = `target/${kind}`;
const site = `${folder}/site`;
const fresh = `${folder}/site.new`;
const pkg = `${fresh}/pkg`;
const hashes = `${folder}/hash.txt`;
const stamp = `${folder}/site.stamp`;

// What rustc emits unasked, and every browser of the last years runs: wasm-opt must be told.
const features = [
  "bulk-memory",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
];

const inputs = [
  compiled,
  "scripts/site.mjs",
  "package-lock.json",
  "Cargo.lock",
  ...filesUnder("style"),
  ...filesUnder("public"),
];
const key = digest(inputs.flatMap((path) => [path, "\0", readFileSync(path), "\0"]));
if (existsSync(site) && existsSync(stamp) && readFileSync(stamp, "utf8") === key) {
  console.log(`${site} is up to date.`);
} else {
  rmSync(stamp, { force: true });
  await make();
  writeFileSync(stamp, key);
}

async function make() {
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(pkg, { recursive: true });
  if (existsSync("public")) {
    cpSync("public", fresh, { recursive: true, dereference: true });
  }
  bindgen();
  await bundle("style/main.css", `${pkg}/${name}.css`);
  if (release) {
    await shrink();
    writeFileSync(hashes, hashed());
    await compress();
  } else {
    rmSync(hashes, { force: true });
  }
  rmSync(site, { recursive: true, force: true });
  renameSync(fresh, site);
  report();
}

/** pkg/natter.wasm and the script that loads it, pkg/natter.js. */
function bindgen() {
  const shape = ["--target", "web", "--no-typescript"];
  run("wasm-bindgen", ...shape, "--out-dir", pkg, "--out-name", name, compiled);
  // Leptos asks for the name without the suffix that wasm-bindgen gives it.
  renameSync(`${pkg}/${name}_bg.wasm`, `${pkg}/${name}.wasm`);
  namesWasm(`${name}_bg.wasm`, `${name}.wasm`);
}

async function shrink() {
  const wasm = `${pkg}/${name}.wasm`;
  run("wasm-opt", "-Oz", ...features.map((feature) => `--enable-${feature}`), wasm, "-o", wasm);
  // Bundled, so that scripts which crates bring along (snippets/) are in the hashed file too.
  const script = `${pkg}/${name}.js`;
  await bundle(script, script);
  rmSync(`${pkg}/snippets`, { recursive: true, force: true });
}

/** Gives the files of pkg/ their hashes: the wasm first, since the script names it. */
function hashed() {
  const told = ["wasm", "js", "css"].map((ending) => {
    const path = `${pkg}/${name}.${ending}`;
    const hash = digest([readFileSync(path)]).slice(0, 16);
    renameSync(path, `${pkg}/${name}.${hash}.${ending}`);
    if (ending === "wasm") {
      namesWasm(`${name}.wasm`, `${name}.${hash}.wasm`);
    }
    return `${ending}: ${hash}\n`;
  });
  return told.join("");
}

function namesWasm(before, after) {
  const path = `${pkg}/${name}.js`;
  const text = readFileSync(path, "utf8");
  if (!text.includes(before)) {
    throw new Error(`${path} does not name ${before}: has wasm-bindgen changed?`);
  }
  writeFileSync(path, text.replaceAll(before, after));
}

/** One file out of this one and what it imports; nothing is rewritten for older browsers. */
async function bundle(from, to) {
  const { warnings } = await build({
    entryPoints: [from],
    outfile: to,
    allowOverwrite: true,
    bundle: true,
    format: "esm",
    legalComments: "none",
    minify: release,
    plugins: [{ name: "public", setup: leavePublic }],
    target: "esnext",
  });
  // Told already; a browser would drop such a rule without a word.
  if (warnings.length > 0) {
    throw new Error(`${from} is not in order`);
  }
}

/** An address from the root is one of public/: it stays. (`external: ["/*"]` would mean any file.) */
function leavePublic(esbuild) {
  esbuild.onResolve({ filter: /^\// }, ({ path, kind }) =>
    kind === "entry-point" ? undefined : { path, external: true },
  );
}

/** Puts .br and .gz beside each file that gets smaller. */
async function compress() {
  const packed = [".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp", ".woff2"];
  const params = {
    [zlib.BROTLI_PARAM_QUALITY]: zlib.BROTLI_MAX_QUALITY,
    [zlib.BROTLI_PARAM_LGWIN]: zlib.BROTLI_MAX_WINDOW_BITS,
  };
  const packers = {
    br: (bytes) => promisify(brotliCompress)(bytes, { params }),
    gz: (bytes) => promisify(gzip)(bytes, { level: zlib.Z_BEST_COMPRESSION }),
  };
  const jobs = filesUnder(fresh)
    .filter((path) => !packed.includes(extname(path)))
    .flatMap((path) => Object.entries(packers).map(([ending, pack]) => ({ path, ending, pack })));
  await Promise.all(
    jobs.map(async ({ path, ending, pack }) => {
      const bytes = readFileSync(path);
      const small = await pack(bytes);
      if (small.length < bytes.length) {
        writeFileSync(`${path}.${ending}`, small);
      }
    }),
  );
}

function report() {
  for (const path of filesUnder(`${site}/pkg`)) {
    console.log(`${String(statSync(path).size).padStart(10)}  ${path}`);
  }
}

function filesUnder(folder) {
  if (!existsSync(folder)) {
    return [];
  }
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesUnder(path) : [path];
    })
    .sort();
}

function digest(parts) {
  const sum = createHash("sha256");
  for (const part of parts) {
    sum.update(part);
  }
  return sum.digest("hex");
}

function run(program, ...args) {
  execFileSync(program, args, { stdio: "inherit" });
}
