// Words as ink, from a pool of workers. What was written is kept.

import { labelsOf, MODEL_URL, type Model } from "./model";
import type { Answer, Backend, Ink, Request, Setup } from "./worker";

export type { Ink } from "./worker";

const MOST_WORKERS = 2; // each holds the runtime and the networks, some 60 MB
const KEPT_WORDS = 6000; // above those of the longest text; the least recently used are forgotten
// The owners whose words are written first, in this order: those of a photo are few, and someone waits for them.
export const PHOTO = "photo";
export const PAGE = "page";
const GPU_DELAY = 3000; // ms; its runtime is large, and the page must not wait for it

type Work = Request extends infer R ? (R extends { id: number } ? Omit<R, "id"> : never) : never;
interface Task {
  work: Work;
  /** Who waits for it: the page, a grid of styles, a photo. Without any it is not done. */
  owners: Set<string>;
  /** Whether a worker failed at it before. */
  isSecond?: boolean;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** One worker, which does one task after the other, from when it is ready until it is retired. */
class Runner {
  isReady = false;
  private readonly worker = new Worker(new URL("worker.js", document.baseURI), { type: "module" });
  private current: Task | null = null;
  private isRetired = false;
  private number = 0;

  /**
   * @param next The next task; undefined where there is none.
   * @param failed Told of a task that failed, null where there was none, and whether the worker itself is lost.
   */
  constructor(
    readonly backend: Backend,
    private readonly next: () => Task | undefined,
    private readonly failed: (runner: Runner, task: Task | null, error: Error, isLost: boolean) => void,
  ) {
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const task = this.current;
      this.current = null;
      if (!("error" in data)) task?.resolve(data.result);
      else this.failed(this, task, data.isMissing ? new NotLoaded(data.error) : new Error(data.error), false);
      this.proceed();
    };
    this.worker.onerror = (event) => {
      const task = this.current;
      this.current = null;
      this.failed(this, task, new NotLoaded(event.message || "worker.js"), true);
    };
  }

  proceed(): void {
    if (this.current) return;
    if (this.isRetired) {
      this.worker.terminate();
      return;
    }
    const task = this.isReady ? this.next() : undefined;
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
  private isLoading = false;
  private readonly written = new Map<string, Ink>();
  private readonly pending = new Map<string, { asked: Promise<Ink>; task: Task }>();

  constructor(readonly model: Model) {}

  /** Starts a worker; a second one and WebGPU follow when it is ready, so that they do not delay the first word. */
  async start(): Promise<void> {
    this.isLoading = true;
    const first = await this.load("wasm").finally(() => (this.isLoading = false));
    this.join(first.runner);
    const count = Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1);
    const others = Array.from({ length: count - 1 }, async () => this.join((await this.load("wasm")).runner));
    void Promise.allSettled(others);
    const tryGpu = (): void => void this.tryGpu(first.milliseconds / count).catch(() => undefined);
    void hasGpu().then((found) => found && setTimeout(tryGpu, GPU_DELAY)); // drivers may take long to answer
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
    const runner = new Runner(
      backend,
      () => this.next(),
      (...failure) => this.fail(...failure),
    );
    const setup: Setup = {
      model: this.model,
      modelUrl: MODEL_URL.href,
      runtimeUrl: new URL("runtime/", document.baseURI).href,
      backend,
    };
    try {
      const milliseconds = await new Promise<unknown>((resolve, reject) =>
        runner.do({ work: { kind: "setup", setup }, owners: new Set(), resolve, reject }),
      );
      return { runner, milliseconds: Number(milliseconds) };
    } catch (error) {
      runner.retire();
      throw error;
    }
  }

  private join(runner: Runner): void {
    runner.isReady = true;
    this.runners.push(runner);
    runner.proceed();
  }

  /** A task failed. Of a worker that is lost, or a GPU that may be, a new worker takes the place, and tries it again. */
  private fail(runner: Runner, task: Task | null, error: Error, isLost: boolean): void {
    // Of a GPU it may be the device that failed, but for a network that cannot be fetched; each task is tried at most twice.
    const isConnection = error instanceof NotLoaded && !isLost;
    if (!runner.isReady || isConnection || !(isLost || runner.backend === "webgpu")) {
      task?.reject(error);
      return;
    }
    if (task?.isSecond) task.reject(error);
    else if (task) {
      task.isSecond = true;
      this.tasks.unshift(task);
    }
    this.runners = this.runners.filter((other) => other !== runner);
    runner.retire();
    if (runner.backend === "webgpu") this.backend = "wasm";
    for (const other of this.runners) other.proceed();
    this.revive();
  }

  /** Where there is no worker any more, starts one; what waits fails if that cannot be loaded either. */
  private revive(): void {
    if (this.runners.length || this.isLoading) return;
    this.isLoading = true;
    this.load("wasm").then(
      (loaded) => {
        this.isLoading = false;
        this.join(loaded.runner);
      },
      (reason: Error) => {
        this.isLoading = false; // before those that fail ask again
        if (!this.runners.length) this.tasks.splice(0).forEach((waiting) => waiting.reject(reason));
      },
    );
  }

  /** The next task: one of the photo or the page, else the first. */
  private next(): Task | undefined {
    const number = [PHOTO, PAGE]
      .map((owner) => this.tasks.findIndex((task) => task.owners.has(owner)))
      .find((found) => found >= 0);
    return this.tasks.splice(number ?? 0, 1)[0];
  }

  private ask(work: Work, owner: string): { task: Task; result: Promise<unknown> } {
    let task!: Task;
    const result = new Promise<unknown>((resolve, reject) => {
      task = { work, owners: new Set([owner]), resolve, reject };
    });
    this.tasks.push(task);
    for (const runner of this.runners) runner.proceed();
    this.revive();
    return { task, result };
  }

  /** The ink of a word if it has been written. */
  find(word: string, style: Float32Array): Ink | undefined {
    const key = keyOfWord(word, style);
    const ink = this.written.get(key);
    if (ink) this.keep(key, ink);
    return ink;
  }

  /** Writes a word for an owner, which may forget it before it is begun; then it is `Superseded`. */
  write(word: string, style: Float32Array, owner: string): Promise<Ink> {
    const known = this.find(word, style);
    if (known) return Promise.resolve(known);
    const key = keyOfWord(word, style);
    const pending = this.pending.get(key);
    if (pending) {
      pending.task.owners.add(owner);
      return pending.asked;
    }
    const { task, result } = this.ask({ kind: "write", labels: labelsOf(this.model, word), z: style }, owner);
    const asked = result.then((ink) => {
      this.keep(key, ink as Ink);
      return ink as Ink;
    });
    const forget = (): void => {
      if (this.pending.get(key)?.task === task) this.pending.delete(key);
    };
    this.pending.set(key, { asked, task });
    void asked.then(forget, forget);
    return asked;
  }

  /** Forgets what an owner asked for and was not begun: it is for a text, a style or a photo that has changed since. */
  forgetWaiting(owner: string): void {
    for (const task of this.tasks) task.owners.delete(owner);
    const forgotten = new Set(this.tasks.filter((task) => !task.owners.size));
    this.tasks.splice(0, Infinity, ...this.tasks.filter((task) => !forgotten.has(task)));
    for (const [key, { task }] of this.pending) {
      if (forgotten.has(task)) this.pending.delete(key); // at once, for the owner may ask for the same word again
    }
    for (const task of forgotten) task.reject(new Superseded());
  }

  encode(network: "style" | "reader", ink: Float32Array, width: number, owner: string): Promise<Float32Array> {
    return this.ask({ kind: "encode", network, ink, width }, owner).result as Promise<Float32Array>;
  }

  private keep(key: string, ink: Ink): void {
    this.written.delete(key); // to be the newest
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

/** What a worker needs could not be fetched. */
export class NotLoaded extends Error {}

/** Why a word was not written: it is no longer wanted. */
export class Superseded extends Error {}

function keyOfWord(word: string, style: Float32Array): string {
  return `${word}|${Array.from(style, (value) => value.toFixed(4)).join()}`;
}
