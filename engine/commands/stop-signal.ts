/** How a command that stays up is asked to end. */
import { endProcessNow } from '../end-process.js';
import { exitCodes } from './command.js';

/** The first signal asks for a graceful stop, the second one is obeyed at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) endProcessNow(exitCodes.failed);
        asked = true;
        resolve(signal);
      });
    }
  });
}
