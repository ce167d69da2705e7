/**
 * The pool of parsers: bodies go in as bytes and come out as envelopes by partition; memory is transferred both ways, never copied. The main thread doesn't
 * look inside.
 *
 * A parser that dies takes its task with it (piscina starts another one): the sender is told 503 and repeats; nothing has been appended by then.
 */
import { Piscina } from 'piscina';
import type { ParseResult, ParseTask } from '../../workers/parse/worker.js';
import { EngineError } from '../engine.js';

export type { ParseResult, ParseTask };

export interface Parser {
  parse(task: ParseTask): Promise<ParseResult>;
  /** Seconds that parsers have spent on tasks, over all of them. */
  busySeconds(): number;
  close(): Promise<void>;
}

const TASKS_WAITING_MAX = 4096;

export function startParsers(threads: number): Parser {
  const pool = new Piscina<ParseTask, ParseResult>({
    filename: new URL('../../workers/parse/worker.js', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    // One task at a time: a second one would wait inside the worker where no other parser can take it.
    concurrentTasksPerWorker: 1,
    maxQueue: TASKS_WAITING_MAX,
    // Workers wait asleep in Atomics.wait, which wakes faster than a message event; they have nothing else to do.
    atomics: 'sync',
    recordTiming: true,
    closeTimeout: 5000,
  });
  return {
    async parse(task) {
      try {
        return await pool.run(task, { transferList: [task.bytes.buffer as ArrayBuffer] });
      } catch (error) {
        throw new EngineError('unavailable', `a parser failed: ${(error as Error).message}`, 1);
      }
    },
    busySeconds: () => (pool.completed === 0 ? 0 : (pool.histogram.runTime.mean * pool.completed) / 1000),
    close: () => pool.close({ force: true }),
  };
}
