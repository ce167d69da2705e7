/**
 * As fast as possible: the records lie in the topic, an engine is started, and timed from the first record that it takes until all results are committed and can be read; of
 * Pointstream with ClickHouse until all facts are there too.
 *
 * Whoever is measured is seen from outside only: its CPU and memory by the system, children included.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { cpuSecondsOfFamily, MemorySampler } from '../usage.js';
import type { RunningPeer } from './java.js';
import type { Kafka } from './kafka.js';
import { factsIn, type Installation, type Variant } from './pointstream.js';
import type { Run } from './report.js';

const LOOK_MS = 20, DRAIN_MS_MAX = 1_800_000;

type Drained = Pick<Run, 'transactionsPerSecond' | 'steadyTransactionsPerSecond' | 'committedTransactionsPerSecond' | 'cpuSeconds' | 'peakMemoryBytes'>;
interface Times { firstMs: number; third: { atMs: number; records: number }; committedMs: number; doneMs: number }

export async function drainPeer(peer: RunningPeer, records: number): Promise<Drained> {
  const memory = new MemorySampler(peer.pid);
  const first = await peer.event('first'), cpuBegan = cpuSecondsOfFamily(peer.pid);
  const third = await peer.event('third'), done = await peer.event('done');
  return figures(records, { firstMs: first.atMs, third, committedMs: done.atMs, doneMs: done.atMs }, cpuSecondsOfFamily(peer.pid) - cpuBegan, memory);
}

export async function drainPointstream(installation: Installation, { flags }: Variant, records: number): Promise<Drained> {
  const { kafka, results, partitions } = installation, startedMs = Date.now();
  const serving = await installation.serve(flags), memory = new MemorySampler(serving.pid), endpoints = serving.ready();
  try {
    const begunMs = await until(async () => installation.begunMs(startedMs), (atMs) => atMs < Infinity, serving), cpuBegan = cpuSecondsOfFamily(serving.pid);
    const thirdRecords = await until(() => installation.done(), (count) => count >= records / 3, serving), third = { atMs: Date.now(), records: thirdRecords };
    await until(() => installation.done(), (count) => count >= records, serving);
    await kafka.untilStable(results, partitions);
    const committedMs = Date.now(), addresses = await endpoints;
    if (addresses.clickhouse !== null) await until(() => factsIn(addresses), (facts) => facts >= records, serving);
    return figures(records, { firstMs: begunMs, third, committedMs, doneMs: Date.now() }, cpuSecondsOfFamily(serving.pid) - cpuBegan, memory);
  } finally {
    endpoints.catch(() => undefined); // what was thrown above says more
    await serving.stop();
  }
}

async function until<T>(look: () => Promise<T>, enough: (found: T) => boolean, serving: { check(): void }): Promise<T> {
  for (const untilMs = Date.now() + DRAIN_MS_MAX; Date.now() < untilMs; await pause(LOOK_MS)) {
    serving.check();
    const found = await look();
    if (enough(found)) return found;
  }
  throw new Error(`not drained within ${DRAIN_MS_MAX / 60_000} minutes`);
}

function figures(records: number, { firstMs, third, committedMs, doneMs }: Times, cpuSeconds: number, memory: MemorySampler): Drained {
  const perSecond = (count: number, ms: number): number => Math.round((count * 1000) / ms);
  return {
    transactionsPerSecond: perSecond(records, doneMs - firstMs), steadyTransactionsPerSecond: perSecond(records - third.records, doneMs - third.atMs),
    committedTransactionsPerSecond: perSecond(records, committedMs - firstMs), cpuSeconds: Math.round(cpuSeconds * 100) / 100, peakMemoryBytes: memory.stop().ownBytes,
  };
}

/** Balances by card as a peer's results say: that of the last one. Its records of a card must follow one another without a gap. */
export async function balancesOfPeer(kafka: Kafka, topic: string, partitions: number): Promise<{ balances: Map<string, number>; records: number; gaps: number }> {
  const { PeerResults } = await import('./peer-results.js'), results = new PeerResults();
  for (let partition = 0; partition < partitions; partition++) for await (const { bytes } of kafka.batches(topic, partition)) results.add(bytes);
  return results;
}
