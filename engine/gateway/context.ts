/** What the routes of the gateway work with: the seam to the rest of the engine. Tests give fakes. */
import type { Config } from '../config.js';
import type { Engine } from '../engine.js';
import type { Keys } from '../keys.js';
import type { Logger } from '../logger.js';
import type { Metrics } from '../metrics.js';
import type { BodyMemory } from './body.js';
import type { Parser } from './parser-pool.js';
import type { References } from './references.js';
import type { Verify } from './verify.js';

export interface Page<T> { data: T[]; has_more: boolean }
export interface PageQuery { limit: number; startingAfter?: string }

/** One posting as GET /v1/accounts/{account}/entries lists it; `id` is what starting_after takes. */
export interface EntryItem {
  id: string;
  account: string; currency: string; points: number; counter_account: string; kind: string;
  rule: string; rule_version: number; funder: string; partner: string; transaction_id: string;
  occurred_at: string; posted_at: string;
}
/** One refused input as GET /v1/rejected lists it. */
export interface RejectedItem {
  id: string;
  partner: string; transaction_id: string; kind: string;
  reason: string; pointer?: string; detail?: string; hint: string;
  rejected_at: string;
  /** Where it came from, when it came from a topic; `index`: of the item in its record. */
  source?: { topic: string; partition: number; offset: number; index: number };
  input?: string;
}

export type QueryEntries = (account: string, filter: { partner?: string }, page: PageQuery) => Promise<Page<EntryItem>>;
export type QueryRejected = (filter: { partner?: string; reason?: string }, page: PageQuery) => Promise<Page<RejectedItem>>;

export interface GatewayContext {
  engine: Engine;
  references: References;
  keys: Keys;
  config: Config;
  logger: Logger;
  metrics: Metrics;
  parser: Parser;
  bodyMemory: BodyMemory;
  queryEntries: QueryEntries;
  queryRejected: QueryRejected;
  verify?: Verify;
}
