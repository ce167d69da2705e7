/**
 * The pool of parsers: bodies, and record batches of partners' topics, go in as bytes and come out as envelopes by partition; memory is transferred both ways, never copied. The main thread doesn't
 * look inside.
 *
 * A parser that dies takes its task with it (piscina starts another one): the sender is told 503 and repeats; nothing has been appended by then.
 */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { ProductsResult, ProductsTask } from '../../workers/parse/products.js';
import type { RecordsResult, RecordsTask } from '../../workers/parse/records.js';
import type { ParseResult, ParseTask } from '../../workers/parse/worker.js';
import { EngineError } from '../engine.js';
import type { Metrics } from '../metrics.js';
import { TaskLanes, type TaskOptions } from '../task-lanes.js';

export type { ParseResult, ParseTask, ProductsResult, ProductsTask, RecordsResult, RecordsTask };

export interface Parser {
  parse(task: ParseTask): Promise<ParseResult>;
  /** Records of a partner's topic; `batch` is transferred. */
  parseRecords(task: RecordsTask): Promise<RecordsResult>;
  /** A piece of a partner's products; `bytes` is transferred. */
  readProducts(task: ProductsTask): Promise<ProductsResult>;
  close(): Promise<void>;
}

type Task = ParseTask | RecordsTask | ProductsTask;
type Result = ParseResult | RecordsResult | ProductsResult;

const TASKS_WAITING_MAX = 4096;

/** `threads`: 0 for half the cores. */
export function startParsers(threads: number, metrics: Pick<Metrics, 'busySeconds' | 'onScrape'>): Parser {
  const count = threads || Math.max(1, Math.floor(availableParallelism() / 2));
  const pool = new Piscina<Task, Result>({
    filename: new URL('../../workers/parse/worker.js', import.meta.url).href,
    minThreads: count,
    maxThreads: count,
    // One task at a time: a second one would wait inside the worker where no other parser can take it.
    concurrentTasksPerWorker: 1,
    // Workers wait asleep in Atomics.wait, which wakes faster than a message event; they have nothing else to do.
    atomics: 'sync',
    recordTiming: false,
    closeTimeout: 5000,
  });
  const lanes = new TaskLanes(pool, count, TASKS_WAITING_MAX);
  const run = async (task: Task, bytes: Uint8Array, options: Pick<TaskOptions, 'name' | 'urgent'>): Promise<Result> => {
    try {
      return await lanes.run(task, { transfer: [bytes.buffer], ...options });
    } catch (error) {
      throw new EngineError('unavailable', `a parser failed: ${(error as Error).message}`, 1);
    }
  };
  let countedMs = 0;
  metrics.onScrape(() => {
    metrics.busySeconds.inc({ part: 'parsers' }, (lanes.busyMs - countedMs) / 1000);
    countedMs = lanes.busyMs;
  });
  return {
    // Of a single post all is said, and a till waits for it: it does not wait behind pieces of bulk.
    parse: (task) => run(task, task.bytes, { urgent: task.detailed }) as Promise<ParseResult>,
    parseRecords: (task) => run(task, task.batch, { name: 'records' }) as Promise<RecordsResult>,
    readProducts: (task) => run(task, task.bytes, { name: 'products' }) as Promise<ProductsResult>,
    close: () => {
      lanes.close(new Error('the engine stops'));
      pool.on('error', () => undefined); // whoever waits for a parser that takes too long is told by its own task
      return pool.close({ force: true });
    },
  };
}
