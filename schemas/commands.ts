/**
 * Commands of the engine (envelope form 0xC1 0x02, one MessagePack map): what changes a partition and is not a partner's transaction. In the `internal` topic; only what skips
 * something there stands in `interactive`, as it has to be read before.
 */
import { Packr } from 'msgpackr';
import { ENVELOPE_COMMAND, ENVELOPE_MARK } from './envelope.js';

export interface ImportedLot { currency: string; funder: string; points: number; /** day numbers; matures 0: at once; expires -1: never */ matures: number; expires: number }
export interface ImportedAccount { index: number; id: string; program: string; cards: string[]; registered: boolean; lots: ImportedLot[] }

/** A transaction whose id was posted before under another home: in partition `first` (not known to an earlier release). */
export interface Reconciled { partner: string; id: string; kind: 'purchase' | 'return'; first?: number }
/** Lines that had been returned of a posting that was taken back, for the posting that counts. */
export interface ReturnedElsewhere { partner: string; id: string; lines: { line: number; quantity: number; amount: number }[] }
/** What a partition remembers a reconciliation by, in place of the kind of a transaction. */
export const reconciliationOf = { purchase: 'reconciliation', return: 'reconciliation of a return' } as const;

export type EngineCommand =
  /** The clock goes on: accounts with due lots are settled, waiting returns that waited too long end. */
  | { type: 'tick' }
  /** A reference set becomes live here. */
  | { type: 'activate'; version: number }
  /** Accounts from another system, to the home of their first card; answered like an envelope. An account with a card that is known already is refused. */
  | { type: 'import'; partner: string; gateway: string; request: number; accounts: ImportedAccount[] }
  /** An import on its way through the homes of the account's cards (workers/imports.ts): they link their cards, at the end the account is opened. */
  | { type: 'import-linked'; partner: string; gateway: string; request: number; account: ImportedAccount; step: number }
  /** The purchase that a waiting return (by its key) names is in that partition. */
  | { type: 'return-located'; key: string; partition: number }
  /** A return that waited elsewhere, to be executed where its purchase is: an envelope of one transaction. */
  | { type: 'return-execute'; envelope: Uint8Array }
  /** The purchase was posted before under another home: the posting here is reversed whole. */
  | { type: 'reconcile' } & Reconciled
  /** From there to the first posting: what had been returned of the one that was reversed is returned of that. */
  | { type: 'returned-elsewhere' } & ReturnedElsewhere
  /** Transactions that do not belong to the partition in which they were written, as an envelope. `linked`: by a link that their card's home has; it is not sent back. */
  | { type: 'forwarded'; envelope: Uint8Array; linked?: true }
  /** One transaction of a record kills its worker: it is set aside. */
  | { type: 'skip'; topic: number; offset: number; index: number };

/** Every type, so that bytes which begin like a command and are none can be told. */
const types: Record<EngineCommand['type'], true> = {
  tick: true, activate: true, import: true, 'import-linked': true, 'return-located': true, 'return-execute': true, reconcile: true, 'returned-elsewhere': true, forwarded: true, skip: true,
};
const packr = new Packr({ useRecords: false });

export function writeCommand(command: EngineCommand): Uint8Array {
  const packed = packr.pack(command);
  const out = new Uint8Array(2 + packed.length);
  out[0] = ENVELOPE_MARK;
  out[1] = ENVELOPE_COMMAND;
  out.set(packed, 2);
  return out;
}
export function readCommand(bytes: Uint8Array): EngineCommand {
  if (bytes[0] !== ENVELOPE_MARK || bytes[1] !== ENVELOPE_COMMAND) throw new Error('not a command of the engine');
  return packr.unpack(bytes.subarray(2)) as EngineCommand;
}
/** Whether the bytes are one; who else may write to the topics (trusted producers) writes anything. */
export function isCommand(bytes: Uint8Array): boolean {
  try {
    const { type } = readCommand(bytes);
    return Object.hasOwn(types, type);
  } catch {
    return false;
  }
}
