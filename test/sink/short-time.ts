/** Time that passes as soon as somebody waits for it, in the order in which the waits end: an hour of retries is over in seconds. */
export class ShortTime {
  nowMs = 0;
  private sleepers: { dueMs: number; wake(): void }[] = [];
  private running = false;

  /** `passed`: what happens as time passes, before who waited goes on. */
  constructor(private readonly passed: (nowMs: number) => Promise<void> | void) {}

  readonly pause = (milliseconds: number, signal: AbortSignal): Promise<void> => new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error('aborted'));
    const wake = (): void => {
      signal.removeEventListener('abort', abort);
      resolve();
    };
    signal.addEventListener('abort', abort);
    this.sleepers.push({ dueMs: this.nowMs + milliseconds, wake });
    void this.run();
  });

  private async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    for (;;) {
      // Who is about to wait, too, comes into the order.
      await new Promise((resolve) => setImmediate(resolve));
      this.sleepers.sort((a, b) => a.dueMs - b.dueMs);
      const next = this.sleepers.shift();
      if (!next) break;
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      await this.passed(this.nowMs);
      next.wake();
    }
    this.running = false;
  }
}
