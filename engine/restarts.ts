/**
 * Starts the embedded ClickHouse again when its process dies: at once the first time, later after growing pauses. Gives up after RESTARTS_MAX in a row, since what then
 * ends it needs somebody to look; facts wait in the log meanwhile.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from './logger.js';

export interface Child {
  readonly pid: number | undefined;
  /** Called when the process ended without being asked to. */
  onExit(callback: () => void): void;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const RESTARTS_MAX = 10;
const PAUSE_MS = 250;
const PAUSE_MS_MAX = 15_000;
/** Who lived so long starts to count anew. */
const HEALTHY_MS = 60_000;

export class Restarts {
  count = 0;
  /** Why the child is not there at the moment. */
  failure: string | undefined;
  private inARow = 0;
  private beganMs = performance.now();
  private restarting: Promise<void> | undefined;
  private readonly stopped = new AbortController();

  constructor(private readonly child: Child, private readonly logger: Logger) {
    child.onExit(() => {
      if (!this.stopped.signal.aborted) this.restarting ??= this.restart().finally(() => { this.restarting = undefined; });
    });
  }
  get pid(): number | undefined {
    return this.failure === undefined ? this.child.pid : undefined;
  }
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.restarting;
    await this.child.stop();
  }

  private async restart(): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      if (performance.now() - this.beganMs > HEALTHY_MS) this.inARow = 0;
      if (this.inARow === RESTARTS_MAX) {
        this.failure = `the embedded ClickHouse ended ${RESTARTS_MAX} times in a row; facts wait in the log until the engine is started again`;
        this.logger.fatal(this.failure);
        return;
      }
      this.failure = 'the embedded ClickHouse ended and is being started again';
      this.logger.error({ inARow: this.inARow }, this.failure);
      if (this.inARow > 0) await pause(Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** this.inARow), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      this.inARow++;
      this.beganMs = performance.now();
      try {
        await this.child.restart();
        this.count++;
        this.failure = undefined;
        this.logger.info({ pid: this.child.pid }, 'the embedded ClickHouse is back');
        return;
      } catch (error) {
        this.logger.error({ error: String(error) }, 'the embedded ClickHouse did not start');
      }
    }
  }
}
