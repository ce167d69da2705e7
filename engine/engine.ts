/**
 * What doors (gateway, commands) may ask of the running engine. Implemented by pipeline.ts.
 */
import type { Reply } from '../schemas/envelope.js';
import type { FactRecord } from '../schemas/fact.js';
import type { ReferenceSet } from '../schemas/reference.js';
import type { ExplanationView } from '../workers/explanation.js';

/** Bytes of one envelope for one partition, as the parser made them; `count` transactions. */
export interface Envelope { partition: number; bytes: Uint8Array; count: number }

/** A refused input as it is kept (Rejected, schemas/reasons.ts), and, where it has one, the name of the place that it came from. */
export interface DeadLetter { value: Uint8Array; key?: string }

/** What a read answers: the account as GET /v1/accounts/{account} shows it, or undefined. */
export interface AccountView {
  account: string;
  program: string;
  cards: string[];
  balances: Record<string, { available: number; pending: number; held: number; debt: number; lots: { points: number; matures: string; expires: string | null; funder: string }[] }>;
}

export class EngineError extends Error {
  /** `busy`: more lag than the bound, try again later. `unavailable`: not ready, a part is being restored or the disk is full. */
  constructor(readonly code: 'busy' | 'unavailable', message: string, readonly retryAfterSeconds: number) {
    super(message);
  }
}

export interface ReadyCheck { name: string; ok: boolean; detail?: string }

/** As /readyz says it. */
export function readinessOf(checks: ReadyCheck[]): { ready: boolean; status: 'ready' | 'not ready'; checks: ReadyCheck[] } {
  const ready = checks.every(({ ok }) => ok);
  return { ready, status: ready ? 'ready' : 'not ready', checks };
}

/** Where it was decided, and how. */
export interface FoundTransaction { partition: number; fact: FactRecord }

export interface Engine {
  readonly partitions: number;
  /** This engine's name in envelopes, for replies. */
  readonly gateway: string;
  nextRequest(): number;
  /**
   * Appends envelopes (all with the same request number) to a lane. With `wait: 'commit'` resolves after the commit that evaluated them with one reply for each envelope;
   * with `wait: 'append'` once they are in the log, with no replies. Throws EngineError.
   */
  submit(lane: 'interactive' | 'commands', request: number, envelopes: Envelope[], wait: 'commit' | 'append'): Promise<Reply[]>;
  /** Keeps parse-time rejects under /v1/rejected. */
  reject(letters: DeadLetter[]): Promise<void>;
  /** Reads after everything that was queued before has been committed. */
  readAccount(account: string): Promise<AccountView | undefined>;
  readCard(program: string, card: string): Promise<AccountView | undefined>;
  /** The stored fact of a transaction, wherever it lives, with the partition that holds it. */
  findTransaction(partner: string, id: string, kind: 'purchase' | 'return'): Promise<FoundTransaction | 'waiting' | undefined>;
  /** Why a purchase got the points it got. */
  explainPurchase(partner: string, id: string): Promise<ExplanationView | undefined>;
  /**
   * Makes a new reference set live in every partition; resolves when all have passed the place; with false, and nothing done, when another engine has published one of the same number.
   * `products`: contents that are new, by partner ordinal (NDJSON bytes). `saved`: it is what newestReference answered.
   */
  activate(set: ReferenceSet, products: Map<number, Uint8Array>, saved?: boolean): Promise<boolean>;
  /** The newest set that any engine has published; it may not be live everywhere yet. */
  newestReference(): Promise<ReferenceSet>;
  /** Waits (bounded) until the sink has delivered everything that is committed now: for reads from ClickHouse that must see their writer's own writes. */
  sinkCaughtUp(timeoutMs: number): Promise<boolean>;
  checks(): ReadyCheck[];
}
