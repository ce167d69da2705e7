/** The core of the engine for tests: a real embedded log and real shards in a directory of their own, without doors and ClickHouse. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openEmbeddedLog } from '../../engine/log/embedded.js';
import type { Log } from '../../engine/log/log.js';
import { SpareBuffers } from '../../engine/spare-buffers.js';
import { Pipeline, type PipelineOptions } from '../../engine/pipeline.js';
import { ReferenceStore } from '../../engine/reference.js';
import { Shards } from '../../engine/shards.js';
import type { Reply } from '../../schemas/envelope.js';
import parse from '../../workers/parse/worker.js';
import type { ParseResult } from '../../workers/parse/worker.js';
import { valueSymbol } from 'piscina';

export interface CoreOptions { directory?: string; partitions?: number; shards?: number; cacheBytesMax?: number; debtBytesMax?: number; factCacheBytesMax?: number; batchBytesMax?: number; clock?: () => number; entry?: URL }
export interface Core {
  directory: string;
  log: Log;
  pipeline: Pipeline;
  references: ReferenceStore;
  publish(put: (store: ReferenceStore) => { set: ReferenceStore['set']; products: Map<number, Uint8Array>; changed: boolean }): Promise<void>;
  /** Posts transactions like the gateway does; one object as a single post. */
  post(body: object | object[], lane?: 'interactive' | 'commands'): Promise<{ replies: Reply[]; answer: Record<string, unknown> | undefined; parsed: ParseResult }>;
  stop(): Promise<void>;
}

export function temporaryDirectory(t: { teardown(end: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-test-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export async function startCore(directory: string, options: CoreOptions = {}): Promise<Core> {
  const log = await openEmbeddedLog({ directory, partitions: options.partitions ?? 4, ...(options.clock ? { clock: options.clock } : {}) });
  const shards = new Shards({ count: options.shards ?? 2, entry: options.entry ?? new URL('../../workers/worker.js', import.meta.url) });
  const pipelineOptions: PipelineOptions = {
    log, shards, logger: pino({ level: process.env.POINTSTREAM_TEST_LOG ?? 'silent' }), gateway: 'test', batchBytesMax: options.batchBytesMax ?? 1 << 20, lagBytesMax: 1 << 30, replayBytesPerSecond: 40 << 20, spareBuffers: new SpareBuffers(1 << 20),
    open: {
      partitions: log.partitions, cacheBytesMax: options.cacheBytesMax ?? 1 << 24, debtBytesMax: options.debtBytesMax ?? 1 << 20, factCacheBytesMax: options.factCacheBytesMax ?? 1 << 20,
    },
    stateDirectory: (partition) => join(directory, 'state', String(partition)),
    otherChecks: () => [],
    sinkCaughtUp: () => Promise.resolve(true),
    onCommitted: (results) => {
      for (const { partition, batch, counts } of results) if (counts.imbalance !== 0) throw new Error(`batch ${batch} of partition ${partition}: balances and postings differ by ${counts.imbalance}`);
    },
  };
  const pipeline = new Pipeline(pipelineOptions);
  await pipeline.start();
  const references = new ReferenceStore(pipeline.reference);
  return {
    directory, log, pipeline, references,
    async publish(put) {
      const { set, products, changed } = put(references);
      if (changed && !(await pipeline.activate(set, products))) throw new Error('somebody else has published a set of this number');
    },
    async post(body, lane = Array.isArray(body) ? 'commands' : 'interactive') {
      const request = pipeline.nextRequest();
      const bytes = new Uint8Array(Buffer.from(JSON.stringify(body)));
      const answer = parse({ format: 'json', bytes, firstIndex: 0, gateway: 'test', request, detailed: !Array.isArray(body), partitions: log.partitions }) as unknown as Record<symbol, ParseResult>;
      const parsed = (answer[valueSymbol] ?? answer) as ParseResult;
      const replies = parsed.envelopes.length === 0 ? [] : await pipeline.submit(lane, request, parsed.envelopes, 'commit');
      const text = replies.find((reply) => reply.answer !== undefined)?.answer;
      return { replies, answer: text === undefined ? undefined : JSON.parse(text) as Record<string, unknown>, parsed };
    },
    async stop() {
      await pipeline.stop();
      await log.close();
    },
  };
}

export const grocer = { name: 'Grocer', program: 'default', timeZone: 'UTC', currency: 'USD' };
export const baseRule = { id: 'base', version: 1, award: { kind: 'perAmount', points: 1, amount: 100 } };
