/**
 * apply: effects → state. The only code that changes the state of a partition; live processing and recovery run this same function. (What is most frequent, cells and known transactions,
 * the context does at once as it writes the effect, by the same methods of the state: only the reading is left out.)
 * It decides nothing and can't fail on effects that decide wrote: a contradiction is a bug and stops the shard.
 */
import { Effect, type EffectsReader } from './effects.js';
import type { PartitionState } from './state/partition-state.js';

const cellLists = (length: number) => ({ key1: new Float64Array(length), key2: new Float64Array(length), additions: new Float64Array(length) });
let cells = cellLists(64);
const id = new Uint32Array(4), content = new Uint32Array(2);

/** Applies bytes[start, end) of batch number `batch`. With `recovering`, what the checkpoint already holds is passed over, bucket by bucket. */
export function apply(state: PartitionState, reader: EffectsReader, end: number, batch: number, recovering = false): void {
  while (reader.at < end) {
    const effect = reader.bytes[reader.at++];
    switch (effect) {
      case Effect.cells: {
        const ordinal = reader.varint(), count = reader.varint();
        if (count > cells.key1.length) cells = cellLists(count * 2);
        for (let i = 0; i < count; i++) {
          cells.key1[i] = reader.key();
          cells.key2[i] = reader.key();
          cells.additions[i] = reader.addition();
        }
        if (!(recovering && state.holds(ordinal, batch))) state.addToCells(ordinal, count, cells.key1, cells.key2, cells.additions);
        else for (let i = 0; i < count; i++) if (cells.additions[i]! > 0) state.noteDue(ordinal, cells.key1[i]!, cells.key2[i]!);
        break;
      }
      case Effect.seen: {
        for (let i = 0; i < 4; i++) id[i] = reader.uint32();
        content[0] = reader.uint32();
        content[1] = reader.uint32();
        state.addTransaction(id, content, batch, reader.varint(), recovering);
        break;
      }
      case Effect.open: {
        const ordinal = reader.varint(), program = reader.varint();
        if (!(recovering && state.holds(ordinal, batch))) state.openAccount(ordinal, program);
        else state.accounts.opened = Math.max(state.accounts.opened, ordinal + 1);
        break;
      }
      case Effect.card: {
        const ordinal = reader.varint(), program = reader.varint(), text = reader.text();
        if (!(recovering && state.holds(ordinal, batch))) state.addCard(ordinal, program, text);
        break;
      }
      case Effect.flags: {
        const ordinal = reader.varint(), flags = reader.varint();
        if (!(recovering && state.holds(ordinal, batch))) state.setFlags(ordinal, flags);
        break;
      }
      case Effect.wait: {
        const key = reader.text(), value = reader.text();
        state.waiting.set(key, value);
        break;
      }
      case Effect.unwait:
        state.waiting.delete(reader.text());
        break;
      case Effect.reference:
        state.reference = reader.varint();
        break;
      case Effect.skip:
        state.skips.add(Buffer.from(reader.text()).toString('utf8'));
        break;
      default:
        throw new Error(`effects of partition ${state.partition}, batch ${batch}: unknown operation ${effect} at ${reader.at - 1}`);
    }
  }
}
