/**
 * Sends records at a steady rate, as a trusted producer with its client's defaults would: what comes within LINGER_MS goes together, a batch for each partition, a request for each broker.
 *
 * Everything that can be made before is made before: while it is measured, sending costs what writing to a socket does, since it shares the machine with what is measured. (librdkafka
 * sends a request for each partition: eight times as many, for half of what they cost the broker.)
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Writer, createAPI, createRecordsBatch, produceV11, type CreateRecordsBatchOptions, type MessageRecord } from '@platformatic/kafka';
import type { Kafka } from './kafka.js';
import type { KeyedRecord } from './transactions.js';

/** What Kafka's own client and librdkafka wait for company. */
const LINGER_MS = 5;
const PRODUCE = 0, VERSION = 11, ALL_REPLICAS = -1, ANSWER_MS_MAX = 20_000;

interface PartitionBatch { partition: number; bytes: Buffer }
type ProduceAnswer = ReturnType<typeof produceV11.parseResponse>;
const produce = createAPI<[topic: string, batches: PartitionBatch[]], ProduceAnswer>(PRODUCE, VERSION, (topic, batches) => (
  Writer.create().appendString(null).appendInt16(ALL_REPLICAS).appendInt32(ANSWER_MS_MAX).appendArray([topic], (w: Writer, name: string) => {
    w.appendString(name).appendArray<PartitionBatch>(batches, (each, { partition, bytes }) => {
      each.appendInt32(partition).appendUnsignedVarInt(bytes.length + 1).append(bytes);
    });
  }).appendTaggedFields()
), produceV11.parseResponse);

export class PacedSender {
  /** By turn: what arrives within one LINGER_MS. */
  private readonly turns: PartitionBatch[][];

  constructor(private readonly kafka: Kafka, private readonly topic: string, records: readonly KeyedRecord[], ratePerSecond: number) {
    const perTurn = (ratePerSecond * LINGER_MS) / 1000;
    this.turns = Array.from({ length: Math.ceil(records.length / perTurn) }, (_, turn) => batchesOf(topic, records.slice(Math.floor(turn * perTurn), Math.floor((turn + 1) * perTurn))));
  }

  /** Resolves when the broker has all of them, with how long sending took, ms. Throws when it refuses any. */
  async send(): Promise<number> {
    const beganMs = performance.now(), answers: Promise<unknown>[] = [];
    let failure: unknown;
    for (const [turn, batches] of this.turns.entries()) {
      // A turn that is late is followed at once by the next: the rate holds.
      const waitMs = beganMs + (turn + 1) * LINGER_MS - performance.now();
      if (waitMs > 0) await pause(waitMs);
      if (failure !== undefined) break;
      answers.push(this.sendTurn(batches).catch((error: unknown) => { failure ??= error; }));
    }
    const sentMs = performance.now() - beganMs;
    await Promise.all(answers);
    if (failure !== undefined) throw failure;
    return sentMs;
  }
  private async sendTurn(batches: PartitionBatch[]): Promise<void> {
    const { cluster } = this.kafka, byLeader = new Map<number, PartitionBatch[]>();
    for (const batch of batches) {
      const leader = cluster.leaderOf(this.topic, batch.partition), before = byLeader.get(leader);
      if (before) before.push(batch);
      else byLeader.set(leader, [batch]);
    }
    await Promise.all([...byLeader].map(([leader, theirs]) => cluster.fromNode(leader, 'sender', produce, this.topic, theirs)));
  }
}

function batchesOf(topic: string, records: readonly KeyedRecord[]): PartitionBatch[] {
  const byPartition = new Map<number, MessageRecord[]>(), options: Partial<CreateRecordsBatchOptions> = { compression: 'lz4' };
  for (const { partition, key, value } of records) {
    const message = { topic, key: Buffer.from(key), value }, before = byPartition.get(partition);
    if (before) before.push(message);
    else byPartition.set(partition, [message]);
  }
  return [...byPartition].map(([partition, messages]) => ({ partition, bytes: Buffer.from(createRecordsBatch(messages, options).buffer) }));
}
