/** Effects of a batch as the verifier compares them: a fingerprint of the changes of cells, and the rest as texts that name it. */
import { WaitingReturns } from '../../workers/state/waiting.js';
import { Effect, EffectsReader } from '../../workers/effects.js';
import { contentHash, type Content } from '../naive/content-hash.js';
import type { NaiveTransaction } from '../naive/transaction.js';
import { CellSums } from './cell-sums.js';
import { readInput } from './records.js';

/** What a batch did besides changing cells, in order, by what it is about. */
export interface Deeds { 'accounts opened': string[]; cards: string[]; flags: string[]; 'known transactions': string[]; 'waiting returns': string[]; 'reference data': string[]; 'set aside': string[] }
export interface ReadEffects { sums: CellSums; cells: number; deeds: Deeds }
/** One change of one cell. */
export type VisitCell = (account: number, key1: number, key2: number, change: number) => void;

export const noDeeds = (): Deeds => ({ 'accounts opened': [], cards: [], flags: [], 'known transactions': [], 'waiting returns': [], 'reference data': [], 'set aside': [] });

export const openedText = (ordinal: number, program: number): string => `${ordinal} in program ${program}`;
export const cardText = (card: string, ordinal: number, program: number): string => `${card} of ${ordinal} in program ${program}`;
export const flagsText = (ordinal: number, flags: number): string => `${flags} of ${ordinal}`;
export const knownText = (id: ArrayLike<number>, row: number, content: Content): string => `${Array.from(id).join('-')} row ${row}, content ${content.join('-')}`;
export const waitsText = (untilMs: number, originalId: string, transaction: NaiveTransaction): string =>
  `${nameOf(transaction)} until ${untilMs} for ${originalId}, content ${contentHash(transaction).join('-')}`;
export const endsText = (name: string): string => `${name} no longer`;
export const nameOf = ({ partner, id }: NaiveTransaction): string => `${partner}/${id}`;

export function readEffects(bytes: Uint8Array, visit?: VisitCell): ReadEffects {
  const reader = new EffectsReader(bytes), sums = new CellSums(), deeds = noDeeds();
  const text = (): string => Buffer.from(reader.text()).toString('utf8');
  let cells = 0;
  while (reader.at < bytes.length) {
    const effect = bytes[reader.at++];
    switch (effect) {
      case Effect.open: deeds['accounts opened'].push(openedText(reader.varint(), reader.varint())); break;
      case Effect.card: {
        const ordinal = reader.varint(), program = reader.varint();
        deeds.cards.push(cardText(text(), ordinal, program));
        break;
      }
      case Effect.cells: {
        const ordinal = reader.varint();
        for (let left = reader.varint(); left > 0; left--, cells++) {
          const key1 = reader.key(), key2 = reader.key(), change = reader.addition();
          sums.add(ordinal, key1, key2, change);
          visit?.(ordinal, key1, key2, change);
        }
        break;
      }
      case Effect.seen: {
        const id = [reader.uint32(), reader.uint32(), reader.uint32(), reader.uint32()], content: Content = [reader.uint32(), reader.uint32()];
        deeds['known transactions'].push(knownText(id, reader.varint(), content));
        break;
      }
      case Effect.wait: deeds['waiting returns'].push(readWaiting(reader.text(), reader.text())); break;
      case Effect.unwait: deeds['waiting returns'].push(endsText(text().replace('\n', '/'))); break;
      case Effect.reference: deeds['reference data'].push(String(reader.varint())); break;
      case Effect.flags: deeds.flags.push(flagsText(reader.varint(), reader.varint())); break;
      case Effect.skip: deeds['set aside'].push(text()); break;
      default: throw new Error(`unknown effect ${effect} at ${reader.at - 1}`);
    }
  }
  return { sums, cells, deeds };
}

/** By its key, unless the return that is kept under it has another one. */
function readWaiting(key: Uint8Array, value: Uint8Array): string {
  const returns = new WaitingReturns();
  returns.set(key, value);
  const [{ key: name, originalId, untilMs }] = returns.notices() as [ReturnType<WaitingReturns['notices']>[0]];
  const transaction = readInput(returns.envelope(name)!).items?.[0]?.transaction;
  if (!transaction) return `${name}: no transaction`;
  const text = waitsText(untilMs, originalId, transaction), shown = name.replace('\n', '/');
  return shown === nameOf(transaction) ? text : `${shown}: ${text}`;
}
