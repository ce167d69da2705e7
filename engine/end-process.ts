/**
 * How this process ends, and what ends with it. `process.exit` waits for calls into native code, since node joins the threads that make them; and librdkafka's don't return while no broker
 * can be reached (offsets for a transaction wait for the group's coordinator without a bound, whatever timeout they were given). And a client that was not disconnected has threads of its
 * own, which go on while the process takes down what they use: it then ends by SIGSEGV. Who makes such calls and has such clients counts them here; as long as there are any the process
 * ends by a signal instead: by SIGTERM, as if it had not handled that, where it would have ended well, else by SIGKILL.
 */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

/** For calls that are about to return. */
const RETURN_MS_MAX = 1000, LOOK_MS = 10;
let underWay = 0;
/** Objects whose threads run until they are told to end. */
export const nativeClients = new Set<object>();

export async function nativeCall<T>(call: Promise<T>): Promise<T> {
  underWay++;
  try {
    return await call;
  } finally {
    underWay--;
  }
}

/** A child does not outlive this process, however that ends. It is killed first of all that is done then, so that its files can be removed: `afterwards`, or by whoever waits for the end. */
export function endWithUs(child: ChildProcess, afterwards?: () => void): void {
  const end = (): void => {
    child.kill('SIGKILL');
    afterwards?.();
  };
  process.prependOnceListener('exit', end);
  child.once('close', () => process.off('exit', end));
}

export async function endProcess(code: number): Promise<never> {
  for (const untilMs = performance.now() + RETURN_MS_MAX; underWay > 0 && performance.now() < untilMs;) await pause(LOOK_MS);
  return endProcessNow(code);
}
export function endProcessNow(code: number): never {
  if (underWay > 0 || nativeClients.size > 0) {
    process.removeAllListeners('SIGTERM');
    process.kill(process.pid, code === 0 ? 'SIGTERM' : 'SIGKILL');
    // It has been sent to ourselves, and is delivered before anything else happens here.
  }
  process.exit(code);
}
