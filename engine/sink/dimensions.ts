/**
 * Reference data as tables for analysts: pointstream.partners, stores and products, as they are now (a fact keeps what was valid for it).
 *
 * A table is replaced as a whole: filled beside the old one under a name of its own, then exchanged with it, so that readers see one or the other. Its comment says what it was
 * filled from; what has not changed is not filled again, by this run or the next, or by another engine. On a cluster all replicas exchange it; what they do not have yet follows.
 * Its dictionary is then made anew, and so is loaded when it is next used.
 *
 * Promises: after `update` the tables follow, soon, one update at a time, again and again until it worked. Never in the way: facts do not wait for it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import { dimensionKeys, type Dimension } from '../../schemas/clickhouse/dimensions.js';
import { dictionaryStatement, mergeTree, onCluster, type DatabasePlace } from '../../schemas/clickhouse/migrations.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import type { Log } from '../log/log.js';
import type { Logger } from '../logger.js';
import { loadContent } from '../reference-storage.js';

const RETRY_MS = 2000;
/** What an engine that was killed has begun is removed when it is so old. */
const LEFT_OVER_HOURS = 1;
/** Product lines are handed on in pieces of this size, with time for others in between. */
const PIECE_BYTES = 64 * 1024;
const NEWLINE = 0x0a, BRACE = 0x7b;

export interface DimensionsOptions {
  client: ClickHouseClient;
  log: Log;
  logger: Logger;
  place: DatabasePlace;
  /** The set that is live. */
  reference(): ReferenceSet;
}

/** What a table is to hold: its digest, and its rows as NDJSON. */
interface Content { table: Dimension; digest: string; rows(): AsyncIterable<Uint8Array> | Iterable<Uint8Array> }

export class Dimensions {
  private wanted = false;
  private running: Promise<void> | undefined;
  /** Other engines fill tables in the same database. */
  private readonly suffix = `next_${randomUUID().slice(0, 8)}`;
  /** The last failure that was logged. */
  private said: string | undefined;
  private readonly stopped = new AbortController();

  constructor(private readonly options: DimensionsOptions) {}

  /** Reference data may have changed. */
  update(): void {
    this.wanted = true;
    this.running ??= this.run().finally(() => { this.running = undefined; });
  }
  /** Resolves when the tables are as the last update asked for. */
  async settled(): Promise<void> {
    await this.running;
  }
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopped;
    while (this.wanted && !signal.aborted) {
      this.wanted = false;
      try {
        await this.removeLeftOvers();
        const filled = await this.filled();
        for (const content of this.contents(this.options.reference())) {
          if (filled.get(content.table) !== content.digest && !signal.aborted) await this.replace(content);
        }
        this.said = undefined;
      } catch (error) {
        if (signal.aborted) return;
        this.wanted = true;
        const failure = String(error);
        if (failure !== this.said) this.options.logger.warn({ error: failure }, 'the tables of reference data are not up to date; they are filled again');
        this.said = failure;
        await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }
  private contents(set: ReferenceSet): Content[] {
    const partners = set.partners.map(({ id, document }) => ({ id, name: document.name, program: document.program, time_zone: document.timeZone, currency: document.currency }));
    const stores = set.partners.flatMap(({ id: partner, document }) => (document.stores ?? []).map(({ id, timeZone, region, latitude, longitude }) => (
      { partner, id, time_zone: timeZone ?? document.timeZone, region, latitude, longitude })));
    const products = Object.entries(set.products).map(([partner, hash]): [partner: string, hash: string] => [set.partners[Number(partner)]!.id, hash]);
    const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');
    return [
      { table: 'partners', digest: digest(partners), rows: () => lines(partners) },
      { table: 'stores', digest: digest(stores), rows: () => lines(stores) },
      { table: 'products', digest: digest(products), rows: () => this.products(products) },
    ];
  }
  private async *products(contents: [partner: string, hash: string][]): AsyncIterable<Uint8Array> {
    for (const [partner, hash] of contents) {
      const content = await loadContent(this.options.log, hash);
      if (!content) throw new Error(`products ${hash} of partner ${partner} are missing in the log`);
      yield* withPartner(partner, content);
    }
  }
  /** What each table was filled from. */
  private async filled(): Promise<Map<string, string>> {
    this.stopped.signal.throwIfAborted(); // the client hears only of what is aborted later
    const answer = await this.options.client.query({ query: 'SELECT name, comment FROM system.tables WHERE database = currentDatabase()', format: 'JSONEachRow', abort_signal: this.stopped.signal });
    return new Map((await answer.json<{ name: string; comment: string }>()).map(({ name, comment }) => [name, comment]));
  }
  private async removeLeftOvers(): Promise<void> {
    this.stopped.signal.throwIfAborted();
    const answer = await this.options.client.query({
      query: `SELECT name FROM system.tables WHERE database = currentDatabase() AND match(name, '^(${Object.keys(dimensionKeys).join('|')})_next_')
        AND metadata_modification_time < now() - INTERVAL ${LEFT_OVER_HOURS} HOUR`,
      format: 'JSONEachRow', abort_signal: this.stopped.signal,
    });
    for (const { name } of await answer.json<{ name: string }>()) await this.command(`DROP TABLE IF EXISTS ${name} ${onCluster(this.options.place.cluster)}`);
  }
  private async replace({ table, digest, rows }: Content): Promise<void> {
    const { client, place: { cluster } } = this.options, { signal } = this.stopped, next = `${table}_${this.suffix}`, everywhere = onCluster(cluster), key = dimensionKeys[table].join(', ');
    await this.command(`DROP TABLE IF EXISTS ${next} ${everywhere} SYNC`);
    await this.command(`CREATE TABLE ${next} ${everywhere} AS ${table} ENGINE = ${mergeTree(cluster, 'Replacing')} ORDER BY (${key}) COMMENT '${digest}'`);
    const { stream } = await client.exec({ query: `INSERT INTO ${next} FORMAT JSONEachRow`, values: Readable.from(rows()), abort_signal: signal });
    for await (const _ of stream) { /* the answer is empty; its end is what counts */ }
    // The same product twice in one file is one product, and the last one counts, here as in the engine (workers/reference/product-table.ts).
    await this.command(`OPTIMIZE TABLE ${next} FINAL`);
    await this.command(`EXCHANGE TABLES ${next} AND ${table} ${everywhere}`);
    await this.renewDictionary(table);
    await this.command(`DROP TABLE ${next} ${everywhere} SYNC`);
  }
  /**
   * The embedded library never asks for a new version by itself. Not SYSTEM RELOAD DICTIONARY: that loads one that nobody uses, too, and holds the old and the new one in memory at once
   * (500,000 products are 390 MB each).
   */
  private async renewDictionary(table: Dimension): Promise<void> {
    try {
      await this.command(dictionaryStatement(table, this.options.place));
    } catch (error) {
      if (this.stopped.signal.aborted) throw error;
      // Such a server may not allow it, and asks for a new version by itself; an embedded one that died has nothing loaded.
      this.options.logger.info({ error: String(error), table }, 'the dictionary of the table is not renewed now; a server does so by itself within about a minute');
    }
  }
  private async command(query: string): Promise<void> {
    this.stopped.signal.throwIfAborted();
    await this.options.client.command({ query, abort_signal: this.stopped.signal });
  }
}

function* lines(rows: object[]): Iterable<Uint8Array> {
  for (const row of rows) yield Buffer.from(`${JSON.stringify(row)}\n`, 'utf8');
}

/** NDJSON as it was published, with the partner as the first field of each line; lines are objects with at least a sku, as was checked when they were published. */
function* withPartner(partner: string, content: Uint8Array): Iterable<Uint8Array> {
  const opening = Buffer.from(`{"partner":${JSON.stringify(partner)},`, 'utf8');
  let piece: Uint8Array[] = [], bytes = 0;
  for (let start = 0; start < content.length;) {
    const newline = content.indexOf(NEWLINE, start), end = newline < 0 ? content.length : newline + 1;
    const brace = content.indexOf(BRACE, start);
    if (brace >= 0 && brace < end) {
      piece.push(opening, content.subarray(brace + 1, end));
      bytes += end - start;
    }
    if (bytes >= PIECE_BYTES) {
      yield Buffer.concat(piece);
      piece = [];
      bytes = 0;
    }
    start = end;
  }
  if (piece.length > 0) yield Buffer.concat([...piece, Buffer.of(NEWLINE)]);
}
