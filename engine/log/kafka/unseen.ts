/**
 * Our own commits that may not be readable yet: Kafka answers a commit when it is decided, and its marks get into the partitions a moment later. Whoever reads waits for that moment, so
 * that what was acknowledged is there, and commits don't wait.
 */
import type { Cluster } from './cluster.js';
import { untilStable } from './offsets.js';

export class Unseen {
  private readonly offsets = new Map<string, number>();

  constructor(private readonly cluster: Cluster) {}

  committed(topic: string, partition: number, offset: number): void {
    this.offsets.set(`${topic}/${partition}`, offset);
  }
  async readable(topic: string, partition: number): Promise<void> {
    const name = `${topic}/${partition}`, offset = this.offsets.get(name);
    if (offset === undefined) return;
    await untilStable(this.cluster, topic, partition, offset);
    if (this.offsets.get(name) === offset) this.offsets.delete(name);
  }
}
