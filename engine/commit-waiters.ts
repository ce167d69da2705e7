/** Who waits until a batch of a partition is committed. */
interface Waiter { batch: number; resolve(): void; reject(error: Error): void }

export class CommitWaiters {
  private waiters: Waiter[] = [];

  /** Resolves when the batch is committed; rejects when it is thrown away. */
  wait(batch: number): Promise<void> {
    return new Promise((resolve, reject) => this.waiters.push({ batch, resolve, reject }));
  }
  /** All batches up to this one are. */
  settle(committed: number): void {
    for (const { batch, resolve } of this.waiters) if (batch <= committed) resolve();
    this.waiters = this.waiters.filter(({ batch }) => batch > committed);
  }
  refuse(error: Error): void {
    for (const { reject } of this.waiters.splice(0)) reject(error);
  }
}
