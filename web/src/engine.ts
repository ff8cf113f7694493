// Words as ink, from a pool of workers. What was written is kept.

import { labelsOf, MODEL_URL, type Model } from "./model";
import type { Answer, Ink, Request, Setup } from "./worker";

export type { Ink } from "./worker";

const MOST_WORKERS = 2; // each holds the runtime and the networks, some 60 MB
const KEPT_WORDS = 4000;

type Work = Request extends infer R ? (R extends { id: number } ? Omit<R, "id"> : never) : never;
interface Task {
  work: Work;
  /** Whether it is forgotten once the page changes. */
  isForPage: boolean;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** One worker, which does one task after the other. */
class Runner {
  private readonly worker = new Worker(new URL("worker.js", document.baseURI), { type: "module" });
  private current: Task | null = null;
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
    const task = this.current ? undefined : this.next();
    if (task) this.do(task);
  }

  do(task: Task): void {
    this.current = task;
    this.worker.postMessage({ ...task.work, id: this.number++ });
  }
}

export class Engine {
  /** "webgpu" or "wasm", once it is known. */
  backend = "";
  private readonly tasks: Task[] = [];
  private readonly runners: Runner[] = [];
  private readonly written = new Map<string, Ink>();
  private readonly pending = new Map<string, Promise<Ink>>();

  constructor(
    readonly model: Model,
    private readonly allowGpu: boolean,
  ) {}

  /** Starts the first worker; the others start when it is ready, so that they do not delay the first word. */
  async start(): Promise<void> {
    this.backend = await this.addRunner();
    const count = this.backend === "webgpu" ? 1 : Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1);
    for (let i = 1; i < count; i++) void this.addRunner().catch(() => undefined);
  }

  private async addRunner(): Promise<string> {
    const runner = new Runner(() => this.tasks.shift());
    const setup: Setup = {
      model: this.model,
      modelUrl: MODEL_URL.href,
      runtimeUrl: new URL("runtime/", document.baseURI).href,
      allowGpu: this.allowGpu,
    };
    const backend = await new Promise<unknown>((resolve, reject) =>
      runner.do({ work: { kind: "setup", setup }, isForPage: false, resolve, reject }),
    );
    this.runners.push(runner);
    runner.proceed();
    return String(backend);
  }

  private ask(work: Work, isForPage = false): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.tasks.push({ work, isForPage, resolve, reject });
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
    let pending = this.pending.get(key);
    if (!pending) {
      const work: Work = { kind: "write", labels: labelsOf(this.model, word), z: style };
      pending = this.ask(work, isForPage).then((result) => {
        this.keep(key, result as Ink);
        return result as Ink;
      });
      this.pending.set(key, pending);
      void pending.catch(() => undefined).then(() => this.pending.delete(key));
    }
    return pending;
  }

  /** Forgets what was asked for and not begun: it is for a text or a style that has changed since. */
  forgetWaiting(): void {
    const tasks = this.tasks.splice(0);
    this.tasks.push(...tasks.filter((task) => !task.isForPage));
    for (const task of tasks) if (task.isForPage) task.reject(new Superseded());
  }

  encode(network: "style" | "reader", ink: Float32Array, width: number): Promise<Float32Array> {
    return this.ask({ kind: "encode", network, ink, width }) as Promise<Float32Array>;
  }

  private keep(key: string, ink: Ink): void {
    this.written.set(key, ink);
    if (this.written.size > KEPT_WORDS) this.written.delete(this.written.keys().next().value!);
  }
}

/** Why a word was not written: it is no longer wanted. */
export class Superseded extends Error {}

function keyOfWord(word: string, style: Float32Array): string {
  return `${word}|${Array.from(style, (value) => value.toFixed(4)).join()}`;
}
