/**
 * Transactions that belong to another partition: gathered while an envelope is gone through, one envelope for each partition that gets some, committed together with the batch. Who
 * waits for the answer gets it from there.
 *
 *   a record in the wrong partition          ─► home of its card, or the partition of its account
 *   at home, and the card is linked          ─► the account's partition, as `linked`: it is not sent back from there
 */
import { writeCommand } from '../schemas/commands.js';
import type { Context } from './context.js';
import { linkedPartition, parseAccount } from './decide.js';
import { EnvelopeWriter } from './envelope.js';
import { partitionOf } from './hash.js';
import { Text } from './transaction.js';

export class Forwarding {
  /** By partition; those of linked cards behind the others. */
  private readonly writers = new Map<number, EnvelopeWriter>();

  /** Takes the transaction in the context. */
  add(c: Context): void {
    const linked = linkOf(c), place = linked < 0 ? homeOf(c) : c.partitions + linked;
    let writer = this.writers.get(place);
    if (!writer) this.writers.set(place, (writer = new EnvelopeWriter()));
    if (writer.size === 0) writer.begin(c.gateway, c.request, c.detailed);
    writer.add(c.transaction);
  }
  /** Forgets what a batch that failed left behind. */
  clear(): void {
    for (const writer of this.writers.values()) writer.clear();
  }
  /** Hands over what was gathered. To be called at the end of each envelope, or of the part of it that the batch takes. */
  flush(c: Context): void {
    for (const [place, writer] of this.writers) {
      if (writer.size === 0) continue;
      const envelope = writer.finish(), linked = place >= c.partitions;
      c.forwards.push({ partition: linked ? place - c.partitions : place, value: writeCommand({ type: 'forwarded', envelope, ...(linked && { linked }) }) });
      writer.clear();
    }
  }
}

/** The partition to which the card of the transaction is linked; -1: it is not. */
export function linkOf({ transaction: t, state }: Context): number {
  const start = t.text[2 * Text.card]!, length = t.text[2 * Text.card + 1]!;
  const ordinal = length > 0 ? state.findCard(t.programOrdinal, t.bytes, start, length) : -1;
  return ordinal < 0 ? -1 : linkedPartition(state.accounts.flags(ordinal));
}
/** Partition of the transaction by the identifier that it carries. */
function homeOf({ transaction: t, partitions }: Context): number {
  const start = t.text[2 * Text.card]!, length = t.text[2 * Text.card + 1]!;
  return length > 0 ? partitionOf(t.bytes, start, length, partitions) : parseAccount(t.string(Text.account))!.partition;
}
