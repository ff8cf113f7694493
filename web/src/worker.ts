// Runs the networks, off the page's own thread, by WASM or WebGPU.

import type { InferenceSession, Tensor } from "onnxruntime-web";
import type { Model } from "./model";

export type Backend = "wasm" | "webgpu";
export type Network = "writer" | "style" | "reader";
export interface Setup {
  model: Model;
  modelUrl: string;
  runtimeUrl: string;
  backend: Backend;
}
export type Request =
  | { id: number; kind: "setup"; setup: Setup }
  | { id: number; kind: "write"; labels: number[]; z: Float32Array }
  | { id: number; kind: "encode"; network: "style" | "reader"; ink: Float32Array; width: number };
export interface Ink {
  /** Grey levels, of which 255 is black: a quarter of the memory of numbers, for thousands of words are kept. */
  data: Uint8ClampedArray;
  height: number;
  width: number;
}
export type Answer = { id: number } & (
  | { result: Ink | Float32Array | number }
  | { error: string; isMissing: boolean }
);

type Runtime = typeof import("onnxruntime-web/wasm");

let runtime: Runtime;
let setup: Setup;
let isLoaded = false; // all that the first word needs; what fails before is most often the connection
const sessions = new Map<Network, Promise<InferenceSession>>();

async function loadRuntime(): Promise<void> {
  const isGpu = setup.backend === "webgpu";
  const loaded = isGpu ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  const name = isGpu ? "ort-wasm-simd-threaded.asyncify" : "ort-wasm-simd-threaded";
  runtime = loaded as Runtime;
  runtime.env.wasm.wasmPaths = { wasm: `${setup.runtimeUrl}${name}.wasm` };
  runtime.env.wasm.numThreads = 1; // threads need headers that not every host sends; there are several workers instead
  runtime.env.logLevel = "error";
}

/** A network could not be fetched, most often for want of a connection. */
class Missing extends Error {}

function session(network: Network): Promise<InferenceSession> {
  const file = setup.model.files[network];
  if (!file) return Promise.reject(new Error(`this model has no ${network}`));
  let opened = sessions.get(network);
  if (!opened) {
    // Files of another model may be kept under the same name.
    opened = fetched(`${setup.modelUrl}${file.name}?${file.sha256.slice(0, 16)}`)
      .then((content) =>
        runtime.InferenceSession.create(content, {
          executionProviders: setup.backend === "webgpu" ? ["webgpu", "wasm"] : ["wasm"],
          logSeverityLevel: 3,
        }),
      )
      .catch((error: unknown) => {
        sessions.delete(network); // as without a connection: the next photo tries again
        throw error;
      });
    sessions.set(network, opened);
  }
  return opened;
}

async function fetched(url: string): Promise<ArrayBuffer> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
    return await response.arrayBuffer();
  } catch (error) {
    throw new Missing(String(error));
  }
}

async function write(labels: number[], z: Float32Array): Promise<Ink> {
  const inputs = {
    labels: new runtime.Tensor("int64", BigInt64Array.from(labels, BigInt), [labels.length]),
    z: new runtime.Tensor("float32", z, [z.length]),
  };
  const ink = (await (await session("writer")).run(inputs))["ink"] as Tensor;
  const [height, width] = ink.dims as [number, number];
  return { data: Uint8ClampedArray.from(ink.data as Float32Array, (value) => 255 * value), height, width };
}

async function encode(network: "style" | "reader", ink: Float32Array, width: number): Promise<Float32Array> {
  const opened = await session(network);
  const outputs = await opened.run({ ink: new runtime.Tensor("float32", ink, [ink.length / width, width]) });
  return Float32Array.from(outputs[opened.outputNames[0]!]!.data as Float32Array);
}

/** Whether the word that the exporter wrote comes out here as there. */
async function writesAsExported(): Promise<boolean> {
  const { labels, z, columns } = setup.model.check;
  const ink = await write(labels, Float32Array.from(z));
  if (ink.width !== columns.length) return false;
  return columns.every((expected, column) => {
    let sum = 0;
    for (let row = 0; row < ink.height; row++) sum += ink.data[row * ink.width + column]!;
    return Math.abs(sum / 255 - expected) < 0.02 * ink.height;
  });
}

/** Loads the networks; returns milliseconds a word, of new words, as each width is new to a GPU. */
async function start(given: Setup): Promise<number> {
  setup = given;
  await loadRuntime();
  await session("writer");
  isLoaded = true;
  if (!(await writesAsExported())) throw new Error("the networks do not compute here what they were exported with");
  const { labels, z } = setup.model.check;
  const begin = performance.now();
  for (let length = 1; length < labels.length; length++) await write(labels.slice(0, length), Float32Array.from(z));
  return (performance.now() - begin) / Math.max(1, labels.length - 1);
}

async function answer(request: Request): Promise<Ink | Float32Array | number> {
  if (request.kind === "setup") return start(request.setup);
  if (request.kind === "write") return write(request.labels, request.z);
  return encode(request.network, request.ink, request.width);
}

self.onmessage = async ({ data: request }: MessageEvent<Request>) => {
  try {
    const result = await answer(request);
    self.postMessage({ id: request.id, result } satisfies Answer);
  } catch (error) {
    self.postMessage({ id: request.id, error: String(error), isMissing: !isLoaded || error instanceof Missing } satisfies Answer);
  }
};
