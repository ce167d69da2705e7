/**
 * Since when partitions are ours. A tenure begins whenever one becomes ours, and whenever others may have had it without our being told: what was begun in an earlier tenure counts no more.
 */
export class Tenures {
  /** By partition: how often one has begun. */
  private readonly begun = new Map<number, number>();
  /** On their way out: ours until they are given back, unless others may have had them: then nothing of ours counts there any more. */
  private readonly leaving = new Map<number, 'ours' | 'not ours'>();

  of(partition: number): number | undefined {
    return this.leaving.get(partition) === 'not ours' ? undefined : this.begun.get(partition);
  }
  begin(partitions: readonly number[]): void {
    for (const partition of partitions) this.begun.set(partition, (this.begun.get(partition) ?? 0) + 1);
  }
  /** Others may have had them. Returns those that may be begun with again. */
  end(partitions: readonly number[]): number[] {
    for (const partition of partitions) if (this.leaving.has(partition)) this.leaving.set(partition, 'not ours');
    return partitions.filter((partition) => !this.leaving.has(partition));
  }
  async leave(partitions: number[], giveUp: (partitions: number[]) => Promise<void>): Promise<void> {
    for (const partition of partitions) this.leaving.set(partition, 'ours');
    await giveUp(partitions);
    this.begin(partitions.filter((partition) => this.of(partition) === undefined));
    for (const partition of partitions) this.leaving.delete(partition);
  }
}
