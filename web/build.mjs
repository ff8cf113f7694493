// Bundles the page into web/dist: scripts, style, the runtime of the networks. The networks themselves are put into
// web/dist/model by `python -m hwgan.web --build`, which calls this.

import { build } from "esbuild";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const output = join(here, "dist");
rmSync(output, { recursive: true, force: true });
mkdirSync(join(output, "runtime"), { recursive: true });

await build({
  entryPoints: { main: join(here, "src/main.ts"), worker: join(here, "src/worker.ts") },
  outdir: output,
  bundle: true,
  splitting: true, // what only a browser with WebGPU needs is a file of its own
  format: "esm",
  target: "es2022",
  minify: true,
  sourcemap: false,
  legalComments: "linked", // the notices of the packages, in *.LEGAL.txt
  logLevel: "warning",
});

for (const file of ["index.html", "style.css", "icon.svg"]) cpSync(join(here, file), join(output, file));
const runtime = join(here, "node_modules/onnxruntime-web/dist");
for (const name of ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"]) {
  cpSync(join(runtime, `${name}.wasm`), join(output, "runtime", `${name}.wasm`));
}
