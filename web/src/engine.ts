// Words as ink, from a pool of workers. What was written is kept.

import { labelsOf, MODEL_URL, type Model } from "./model";
import type { Answer, Backend, Ink, Request, Setup } from "./worker";

export type { Ink } from "./worker";

const MOST_WORKERS = 2; // each holds the runtime and the networks, some 60 MB
const KEPT_WORDS = 6000; // above those of the longest text
const GPU_DELAY = 3000; // ms; its runtime is large, and the page must not wait for it

type Work = Request extends infer R ? (R extends { id: number } ? Omit<R, "id"> : never) : never;
interface Task {
  work: Work;
  /** Of the word that it writes, where it is forgotten once the page changes; else null. */
  pageKey: string | null;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** One worker, which does one task after the other. */
class Runner {
  private readonly worker = new Worker(new URL("worker.js", document.baseURI), { type: "module" });
  private current: Task | null = null;
  private isRetired = false;
  private number = 0;

  constructor(private readonly next: () => Task | undefined) {
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const task = this.current;
      this.current = null;
      if ("error" in data) task?.reject(new Error(data.error));
      else task?.resolve(data.result);
      this.proceed();
    };
    this.worker.onerror = (event) => {
      const task = this.current;
      this.current = null;
      task?.reject(new Error(event.message || "the worker could not be started"));
    };
  }

  proceed(): void {
    if (this.current) return;
    if (this.isRetired) {
      this.worker.terminate();
      return;
    }
    const task = this.next();
    if (task) this.do(task);
  }

  /** Ends when what it does is done. */
  retire(): void {
    this.isRetired = true;
    this.proceed();
  }

  do(task: Task): void {
    this.current = task;
    this.worker.postMessage({ ...task.work, id: this.number++ });
  }
}

export class Engine {
  backend: Backend = "wasm";
  private readonly tasks: Task[] = [];
  private runners: Runner[] = [];
  private readonly written = new Map<string, Ink>();
  private readonly pending = new Map<string, Promise<Ink>>();

  constructor(readonly model: Model) {}

  /** Starts a worker; a second one and WebGPU follow when it is ready, so that they do not delay the first word. */
  async start(): Promise<void> {
    const first = await this.load("wasm");
    this.runners = [first.runner];
    const count = Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1);
    const others = Array.from({ length: count - 1 }, async () => this.join((await this.load("wasm")).runner));
    void Promise.allSettled(others);
    if (await hasGpu()) setTimeout(() => void this.tryGpu(first.milliseconds / count).catch(() => undefined), GPU_DELAY);
  }

  /** Lets WebGPU take over if it is faster; these networks are so small that it often is not. */
  private async tryGpu(milliseconds: number): Promise<void> {
    const gpu = await this.load("webgpu");
    if (gpu.milliseconds > milliseconds) {
      gpu.runner.retire();
      return;
    }
    for (const runner of this.runners.splice(0)) runner.retire();
    this.backend = "webgpu";
    this.join(gpu.runner);
  }

  private async load(backend: Backend): Promise<{ runner: Runner; milliseconds: number }> {
    const runner = new Runner(() => this.tasks.shift());
    const setup: Setup = {
      model: this.model,
      modelUrl: MODEL_URL.href,
      runtimeUrl: new URL("runtime/", document.baseURI).href,
      backend,
    };
    try {
      const milliseconds = await new Promise<unknown>((resolve, reject) =>
        runner.do({ work: { kind: "setup", setup }, pageKey: null, resolve, reject }),
      );
      return { runner, milliseconds: Number(milliseconds) };
    } catch (error) {
      runner.retire();
      throw error;
    }
  }

  private join(runner: Runner): void {
    this.runners.push(runner);
    runner.proceed();
  }

  private ask(work: Work, pageKey: string | null = null): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.tasks.push({ work, pageKey, resolve, reject });
      for (const runner of this.runners) runner.proceed();
    });
  }

  /** The ink of a word if it has been written. */
  find(word: string, style: Float32Array): Ink | undefined {
    return this.written.get(keyOfWord(word, style));
  }

  /** Writes a word; where it is for the page, it may be superseded. */
  write(word: string, style: Float32Array, isForPage = false): Promise<Ink> {
    const key = keyOfWord(word, style);
    const known = this.written.get(key);
    if (known) return Promise.resolve(known);
    const pending = this.pending.get(key);
    if (pending) return pending;
    const work: Work = { kind: "write", labels: labelsOf(this.model, word), z: style };
    const asked = this.ask(work, isForPage ? key : null).then((result) => {
      this.keep(key, result as Ink);
      return result as Ink;
    });
    const forget = (): void => {
      if (this.pending.get(key) === asked) this.pending.delete(key);
    };
    this.pending.set(key, asked);
    void asked.then(forget, forget);
    return asked;
  }

  /** Forgets what was asked for and not begun: it is for a text or a style that has changed since. */
  forgetWaiting(): void {
    for (const task of this.tasks.splice(0)) {
      if (task.pageKey === null) {
        this.tasks.push(task);
        continue;
      }
      this.pending.delete(task.pageKey); // at once, for the new page may have the same word
      task.reject(new Superseded());
    }
  }

  encode(network: "style" | "reader", ink: Float32Array, width: number): Promise<Float32Array> {
    return this.ask({ kind: "encode", network, ink, width }) as Promise<Float32Array>;
  }

  private keep(key: string, ink: Ink): void {
    this.written.set(key, ink);
    if (this.written.size > KEPT_WORDS) this.written.delete(this.written.keys().next().value!);
  }
}

/** Whether there is a GPU that is none in software. */
async function hasGpu(): Promise<boolean> {
  const gpu = (navigator as { gpu?: { requestAdapter(): Promise<{ info?: { isFallbackAdapter?: boolean } } | null> } })
    .gpu;
  const adapter = await gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !adapter?.info?.isFallbackAdapter;
}

/** Why a word was not written: it is no longer wanted. */
export class Superseded extends Error {}

function keyOfWord(word: string, style: Float32Array): string {
  return `${word}|${Array.from(style, (value) => value.toFixed(4)).join()}`;
}
