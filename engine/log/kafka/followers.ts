/** Records handed over as they come, opened on this thread: answers to gateways are few and small. */
import { RecordBatchReader } from '../../../workers/records/record-batch.js';
import type { Cluster } from './cluster.js';
import { InputStream } from './input-stream.js';

const TAKE_BYTES = 2 ** 20;

export class Followers {
  private readonly stream: InputStream;
  private readonly looks = new Map<string, () => void>();

  constructor(cluster: Cluster, failed: (error: Error) => void) {
    this.stream = new InputStream(cluster, 'followed', false, { arrived: (topic, partition) => this.looks.get(`${topic}/${partition}`)?.(), failed });
  }
  /** From an offset on, until the function that it returns is called. */
  follow(topic: string, partition: number, from: number, listener: (value: Uint8Array) => void): () => void {
    const reader = new RecordBatchReader();
    let next = from;
    const look = (): void => {
      for (;;) {
        const { chunks, nextOffset } = this.stream.take(topic, partition, next, TAKE_BYTES);
        for (const { value } of chunks) for (reader.open(value); reader.next();) if (reader.offset >= next) listener(Uint8Array.from(reader.value));
        next = nextOffset;
        if (chunks.length === 0) return;
      }
    };
    this.looks.set(`${topic}/${partition}`, look);
    look();
    return () => {
      this.looks.delete(`${topic}/${partition}`);
      this.stream.forget(topic, partition);
    };
  }
  close(): void {
    this.stream.close();
  }
}
