/**
 * As much of ClickHouse as the sink needs, for tests: takes inserts over HTTP, knows tokens or has forgotten them, counts rows of ranges, and fails as told.
 * A row is four bytes: partition, batch (two bytes), number of the row in its batch.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { writeResults, type ResultsHeader } from '../../schemas/results.js';

/** What happens to the next insert: refused with an error, cut off before or after its rows are there, half of its rows are written, or it is killed when it knows the token and has no rows yet. */
export type Fault = 'error' | 'lost' | 'answer lost' | 'half' | 'token used up';
const ROW_BYTES = 4;

export class FakeClickHouse {
  rows: string[] = [];
  inserts: number[] = [];
  settings: Record<string, string> = {};
  faults: Fault[] = [];
  knowsTokens = true;
  engine = 'MergeTree';
  /** Nobody is there: requests end without an answer. */
  away = false;
  /** Where an insert waits before its rows are there. */
  hold: (() => Promise<void>) | undefined;
  /** Inserts at the same time, at most so far. */
  together = 0;
  private open = 0;
  private readonly tokens = new Set<string>();
  private readonly server = createServer((request, response) => void this.answer(request, response));

  async start(): Promise<ClickHouseClient> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return createClient({ url: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`, log: { level: ClickHouseLogLevel.OFF } });
  }
  /** It knows the token, and never had the rows. */
  useUp(token: string): void {
    this.tokens.add(token);
  }
  forget(token: string): void {
    this.tokens.delete(token);
  }
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.away) return void request.socket.destroy();
    const parameters = new URL(request.url!, 'http://fake').searchParams;
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    if (parameters.has('param_partitions')) return this.count(parameters, response);
    this.open++;
    this.together = Math.max(this.together, this.open);
    this.settings = Object.fromEntries(parameters);
    await this.hold?.();
    const fault = this.faults.shift();
    if (fault === 'error') response.writeHead(500, { 'x-clickhouse-exception-code': '241' }).end('Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)');
    else {
      const body = Buffer.concat(pieces);
      if (fault === 'token used up') this.useUp(parameters.get('insert_deduplication_token')!);
      else if (fault !== 'lost') this.insert(fault === 'half' ? body.subarray(0, body.length / (2 * ROW_BYTES) * ROW_BYTES) : body, parameters.get('insert_deduplication_token')!);
      if (fault === undefined) response.end();
      else request.socket.destroy();
    }
    this.open--;
  }
  private insert(body: Buffer, token: string): void {
    if (this.knowsTokens && this.tokens.has(token)) return;
    this.tokens.add(token);
    this.inserts.push(body.length / ROW_BYTES);
    for (let at = 0; at < body.length; at += ROW_BYTES) this.rows.push(`${body[at]}.${body.readUInt16LE(at + 1)}.${body[at + 3]}`);
  }
  private count(parameters: URLSearchParams, response: ServerResponse): void {
    const [partitions, first, last] = ['partitions', 'first', 'last'].map((name) => JSON.parse(parameters.get(`param_${name}`)!) as number[]) as [number[], number[], number[]];
    const rows = this.rows.filter((row) => {
      const [of, batch] = row.split('.').map(Number) as [number, number];
      return partitions.some((partition, place) => of === partition && batch >= first[place]! && batch <= last[place]!);
    }).length;
    response.end(`${JSON.stringify({ rows: String(rows), engine: this.engine })}\n`);
  }
}

/** A results record whose facts the fake understands. */
export function fakeResults(partition: number, batch: number, rows: number): Uint8Array {
  const facts = Buffer.alloc(rows * ROW_BYTES);
  for (let row = 0; row < rows; row++) {
    facts[row * ROW_BYTES] = partition;
    facts.writeUInt16LE(batch, row * ROW_BYTES + 1);
    facts[row * ROW_BYTES + 3] = row;
  }
  const header: ResultsHeader = {
    partition, batch, epoch: 0, clockMs: 0, inputs: [], positions: [], reference: 0, processed: rows, duplicates: 0, rejected: 0, effectsLength: 0, factsLength: facts.length, rows,
  };
  return writeResults(header, new Uint8Array(0), facts);
}
