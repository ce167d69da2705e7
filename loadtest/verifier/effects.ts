/** Effects of a batch as the verifier compares them: a fingerprint of the changes of cells, and the rest as texts that name it. */
import { Effect, EffectsReader } from '../../workers/effects.js';
import { CellSums } from './cell-sums.js';

export interface ReadEffects { sums: CellSums; cells: number; opened: string[]; cards: string[]; seen: string[] }
/** One change of one cell. */
export type VisitCell = (account: number, key1: number, key2: number, change: number) => void;

export function readEffects(bytes: Uint8Array, visit?: VisitCell): ReadEffects {
  const reader = new EffectsReader(bytes), result: ReadEffects = { sums: new CellSums(), cells: 0, opened: [], cards: [], seen: [] };
  const text = (): string => Buffer.from(reader.text()).toString('utf8');
  while (reader.at < bytes.length) {
    const effect = bytes[reader.at++];
    switch (effect) {
      case Effect.open: result.opened.push(`${reader.varint()} in program ${reader.varint()}`); break;
      case Effect.card: {
        const ordinal = reader.varint();
        reader.varint();
        result.cards.push(`${text()} of ${ordinal}`);
        break;
      }
      case Effect.cells: {
        const ordinal = reader.varint();
        for (let left = reader.varint(); left > 0; left--, result.cells++) {
          const key1 = reader.key(), key2 = reader.key(), change = reader.addition();
          result.sums.add(ordinal, key1, key2, change);
          visit?.(ordinal, key1, key2, change);
        }
        break;
      }
      case Effect.seen: {
        const id = [reader.uint32(), reader.uint32(), reader.uint32(), reader.uint32()];
        reader.uint32();
        reader.uint32();
        result.seen.push(`${id.join('-')} row ${reader.varint()}`);
        break;
      }
      case Effect.wait: reader.text(); reader.text(); break;
      case Effect.unwait: case Effect.skip: reader.text(); break;
      case Effect.reference: reader.varint(); break;
      case Effect.flags: reader.varint(); reader.varint(); break;
      default: throw new Error(`unknown effect ${effect} at ${reader.at - 1}`);
    }
  }
  return result;
}
