/**
 * Waiting for a log that can't be reached: what an engine has to do with its partitions it does when the log answers again, however long that takes. Whoever asks from outside is told
 * instead that it is not available.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { LogError } from './log/log.js';

const AGAIN_MS = 500;

/** The action must bear to be done again from its beginning. Ends with any other error, also that of a log that is closed. */
export async function untilReached<T>(action: () => Promise<T>): Promise<T> {
  for (;; await pause(AGAIN_MS)) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof LogError && error.code === 'unavailable')) throw error;
    }
  }
}
