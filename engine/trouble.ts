/** Tells the operator that the log does not answer, and that it does again: each once, whatever is tried meanwhile. */
import type { Log } from './log/log.js';
import type { Logger } from './logger.js';

/** Returns what is to be called now and then. */
export function troubleTeller(log: Pick<Log, 'trouble'>, logger: Pick<Logger, 'info' | 'error'>): () => void {
  let told = false;
  return () => {
    const { trouble } = log;
    if ((trouble !== undefined) === told) return;
    told = trouble !== undefined;
    if (told) logger.error({ trouble }, 'the log does not answer: not ready until it does');
    else logger.info({}, 'the log answers again');
  };
}
