/**
 * Sorts transactions into envelopes by their home partition: the card's, else the account's, else that of partner and id.
 *
 * Promises: the order of transactions of one partition is the order in which they were added. An envelope has at most about ENVELOPE_BYTES_MAX, so a partition may have several.
 */
import { EnvelopeWriter } from '../envelope-writer.js';
import { partitionOf } from '../hash.js';
import { Kind, Text, type Transaction } from '../transaction.js';

export interface ParsedEnvelope { partition: number; bytes: Uint8Array; count: number }

/** A batch of a shard is about 2 ms of work, and records of a log are better small. */
export const ENVELOPE_BYTES_MAX = 128 << 10;

export class ByPartition {
  private readonly writers: EnvelopeWriter[] = [];
  private used: boolean[] = [];
  private envelopes: ParsedEnvelope[] = [];
  private partitions = 0;
  private header: [gateway: string, request: number, detailed: boolean] = ['', 0, false];
  /** Bytes of `partner:id`, for items without card and account. */
  private readonly home = new Uint8Array(512);

  /** Forgets what was not finished. `gateway`, `request`, `detailed`: who waits for the answer, as the envelopes say it. */
  begin(partitions: number, gateway: string, request: number, detailed: boolean): void {
    while (this.writers.length < partitions) this.writers.push(new EnvelopeWriter());
    this.partitions = partitions;
    this.header = [gateway, request, detailed];
    this.used = [];
    this.envelopes = [];
  }
  add(t: Transaction): void {
    const partition = this.homeOf(t), writer = this.writers[partition]!;
    if (this.used[partition] !== true) writer.begin(...this.header);
    this.used[partition] = true;
    writer.add(t);
    if (writer.size < ENVELOPE_BYTES_MAX) return;
    this.envelopes.push({ partition, bytes: writer.finish(), count: writer.count });
    this.used[partition] = false;
  }
  finish(): ParsedEnvelope[] {
    for (let partition = 0; partition < this.partitions; partition++) {
      const writer = this.writers[partition]!;
      if (this.used[partition] === true) this.envelopes.push({ partition, bytes: writer.finish(), count: writer.count });
    }
    return this.envelopes;
  }

  /** Of a return without card and account: the original's home, so that it meets the purchase. */
  private homeOf(t: Transaction): number {
    const { text, bytes } = t, { partitions, home } = this;
    const cardLength = text[2 * Text.card + 1]!;
    if (cardLength > 0) return partitionOf(bytes, text[2 * Text.card]!, cardLength, partitions);
    const partition = text[2 * Text.account + 1]! > 0 ? accountPartition(t) : -1;
    if (partition >= 0 && partition < partitions) return partition;
    let at = this.copyText(t, Text.partner, 0);
    home[at++] = 0x3a;
    at = this.copyText(t, t.kind === Kind.return ? Text.originalId : Text.id, at);
    return partitionOf(home, 0, at, partitions);
  }
  private copyText({ text, bytes }: Transaction, field: number, at: number): number {
    const start = text[2 * field]!, end = start + text[2 * field + 1]!;
    for (let i = start; i < end; i++) this.home[at++] = bytes[i]!;
    return at;
  }
}

/** P of an account id `P.N`; -1 when it doesn't look like one (no such account exists: whichever shard gets it says so). */
function accountPartition({ text, bytes }: Transaction): number {
  const start = text[2 * Text.account]!, end = start + text[2 * Text.account + 1]!;
  let partition = 0;
  for (let at = start; at < end && at - start < 7; at++) {
    const byte = bytes[at]!;
    if (byte === 0x2e) return at === start ? -1 : partition;
    if (byte < 0x30 || byte > 0x39) return -1;
    partition = partition * 10 + byte - 0x30;
  }
  return -1;
}
