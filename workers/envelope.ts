/**
 * Reads whatever an input topic's record holds (schemas/envelope.ts): our own envelopes, commands of the engine, and the single transactions and
 * arrays of trusted producers, in JSON or MessagePack.
 *
 * Promises: never throws because of the bytes. An item that is wrong is reported by `problem`, with as much of its identity in the transaction as
 * could be read, and the items after it go on where its end can be found. Items keep their number whatever is wrong with them.
 */
import { isCommand } from '../schemas/commands.js';
import { ENVELOPE_COMMAND, ENVELOPE_MARK, ENVELOPE_TRANSACTIONS, type EnvelopeHeader } from '../schemas/envelope.js';
import type { Reason } from '../schemas/reasons.js';
import { fillIdentity } from './parse/fill.js';
import { formatOf, Items } from './parse/items.js';
import { readPositional } from './parse/positional.js';
import { integer } from './parse/read-msgpack.js';
import { lastRead } from './parse/texts.js';
import type { Transaction } from './transaction.js';

export { contentHash, RECONCILIATION, transactionHash } from './content-hash.js';
export { EnvelopeWriter } from './envelope-writer.js';

/** `command`: one command of the engine, for readCommand (schemas/commands.ts). `unreadable`: one item, which is a problem. */
export type EnvelopeForm = 'transactions' | 'command' | 'json' | 'msgpack' | 'unreadable';
export interface EnvelopeProblem { index: number; reason: Reason; pointer: string; detail: string }

const { got } = lastRead;
const NOBODY: EnvelopeHeader = { gateway: '', request: 0, detailed: false, count: 0 };

export class EnvelopeReader {
  form: EnvelopeForm = 'unreadable';
  /** Who waits for the answer; request 0: nobody. `count` is known for our own envelopes only. */
  header: EnvelopeHeader = NOBODY;
  /** What is wrong with the item that `next` read; undefined: it is in the transaction. */
  problem: EnvelopeProblem | undefined = undefined;
  private readonly items = new Items();
  private bytes: Uint8Array = new Uint8Array(0);
  private start = 0;
  private at = 0;
  private end = 0;
  private index = 0;
  private unreadable: { detail: string; position: number } | undefined;

  /** Begins with the record in bytes[start] … bytes[end - 1]. */
  open(bytes: Uint8Array, start = 0, end = bytes.length): EnvelopeForm {
    this.bytes = bytes;
    this.start = this.at = start;
    this.end = end;
    this.index = 0;
    this.header = NOBODY;
    this.problem = undefined;
    this.unreadable = undefined;
    const first = start < end ? bytes[start]! : -1;
    if (first === ENVELOPE_MARK) return this.form = this.openOwn();
    const format = formatOf(bytes, start, end);
    this.unreadable = this.items.open(format, bytes, start, end);
    if (this.unreadable) this.unreadable.position -= start;
    return this.form = this.unreadable === undefined ? format : 'unreadable';
  }

  /** Reads the next item into `t`; false after the last. Look at `problem` before `t`. */
  next(t: Transaction): boolean {
    this.problem = undefined;
    if (this.form === 'transactions') return this.nextOwn(t);
    if (this.form === 'command') return false;
    if (this.form === 'unreadable') {
      if (this.unreadable === undefined) return false;
      const { detail, position } = this.unreadable;
      this.unreadable = undefined;
      return this.refuse(t, undefined, 'malformed', '', `${detail}, at byte ${position}`);
    }
    if (!this.items.next(t)) return false;
    const [wrong] = this.items.problems;
    if (wrong !== undefined) return this.refuse(t, this.items.isRead ? t : this.items.value, wrong.reason, wrong.pointer, wrong.detail);
    t.index = this.index++;
    return true;
  }

  private openOwn(): EnvelopeForm {
    const { bytes, at, end } = this;
    if (bytes[at + 1] === ENVELOPE_COMMAND && isCommand(bytes.subarray(at, end))) return 'command';
    const header = bytes[at + 1] === ENVELOPE_TRANSACTIONS ? this.readHeader(at + 2) : undefined;
    if (header === undefined) {
      this.unreadable = { detail: 'not an envelope of this version', position: 0 };
      return 'unreadable';
    }
    this.header = header;
    return 'transactions';
  }

  private readHeader(at: number): EnvelopeHeader | undefined {
    const { bytes, end } = this;
    const lead = bytes[at + 1]!, short = (lead & 0xe0) === 0xa0;
    if (bytes[at] !== 0x94 || !short && lead !== 0xd9) return undefined;
    const textAt = at + (short ? 2 : 3), length = short ? lead & 31 : bytes[at + 2]!;
    const requestAt = textAt + length, detailedAt = integer(bytes, requestAt), request = got[0]!;
    if (!(requestAt <= end) || detailedAt < 0 || bytes[detailedAt] !== 0xc2 && bytes[detailedAt] !== 0xc3) return undefined;
    const itemsAt = integer(bytes, detailedAt + 1), count = got[0]!;
    if (!(itemsAt >= 0 && itemsAt <= end) || request < 0 || count < 0) return undefined;
    this.at = itemsAt;
    const gateway = Buffer.from(bytes.buffer, bytes.byteOffset + textAt, length).toString('utf8');
    return { gateway, request, detailed: bytes[detailedAt] === 0xc3, count };
  }

  private nextOwn(t: Transaction): boolean {
    if (this.index >= this.header.count) return false;
    const next = readPositional(this.bytes, this.at, t);
    if (next >= 0 && next <= this.end) {
      this.at = next;
      this.index++;
      return true;
    }
    this.form = 'unreadable';
    const lost = `${this.header.count - this.index} transactions of it are lost`;
    return this.refuse(t, undefined, 'malformed', '', `the envelope is damaged from byte ${this.at - this.start} on; ${lost}`);
  }

  /** `value`: what could be read of the item; the transaction itself when all of it could. */
  private refuse(t: Transaction, value: unknown, reason: Reason, pointer: string, detail: string): true {
    if (value !== t) fillIdentity(value, t);
    t.index = this.index;
    this.problem = { index: this.index++, reason, pointer, detail };
    return true;
  }
}
