/**
 * Since when partitions are ours. A tenure begins whenever one becomes ours, and whenever others may have had it without our being told: what was begun in an earlier tenure counts no more.
 */
export class Tenures {
  /** By partition: how often one has begun. */
  private readonly begun = new Map<number, number>();
  private readonly leaving = new Set<number>();

  of(partition: number): number | undefined {
    return this.begun.get(partition);
  }
  begin(partitions: readonly number[]): void {
    for (const partition of partitions) this.begun.set(partition, (this.begun.get(partition) ?? 0) + 1);
  }
  /** On its way out: ours until it is given back, and nothing is to be begun with it. */
  isLeaving(partition: number): boolean {
    return this.leaving.has(partition);
  }
  async leave(partitions: number[], giveUp: (partitions: number[]) => Promise<void>): Promise<void> {
    for (const partition of partitions) this.leaving.add(partition);
    await giveUp(partitions);
    for (const partition of partitions) this.leaving.delete(partition);
  }
}
