/**
 * Named values in the compacted topic `control`: the key is the name, the newest record of a name counts. A value that is larger than a record may be is written in parts of its own
 * before the record that names them, so that it changes as a whole:
 *
 *   "reference/7"  → 0, bytes                     whole
 *   "products/ab#3f9c.0", "products/ab#3f9c.1"    parts …
 *   "products/ab"  → 1, "3f9c", number of parts   … and what they are parts of; the older one's parts are removed then
 *
 * Promises: get answers what was put before, by whichever engine. Everything is held in memory: it is what the engine works with anyway (reference data, intents, keys).
 */
import { randomUUID } from 'node:crypto';
import type { OutgoingRecord } from './appender.js';
import type { ReadRecords } from './read.js';

const WHOLE = 0, IN_PARTS = 1, READ_BYTES = 4 * 2 ** 20, OVERHEAD_BYTES = 1024;
const NAME_LENGTH_MAX = 200;

export class Values {
  private readonly stored = new Map<string, Uint8Array>();
  private next = 0;
  private reading: Promise<void> | undefined;

  constructor(private readonly topic: string, private readonly messageBytesMax: number, private readonly read: (fromOffset: number, bytesMax: number) => Promise<ReadRecords>) {}

  async get(name: string): Promise<Uint8Array | undefined> {
    await this.catchUp();
    const entry = this.stored.get(name);
    if (!entry) return undefined;
    if (entry[0] === WHOLE) return Uint8Array.from(entry.subarray(1));
    const parts = partsOf(name, entry).map((part) => this.stored.get(part)!);
    return Uint8Array.from(Buffer.concat(parts));
  }
  /** What has to be written for it, in this order. */
  put(name: string, value: Uint8Array): OutgoingRecord[] {
    if (name.length === 0 || name.length > NAME_LENGTH_MAX || name.includes('\0')) throw new RangeError(`a value's name has 1 to ${NAME_LENGTH_MAX} characters and no NUL`);
    const room = this.messageBytesMax - OVERHEAD_BYTES, old = this.stored.get(name), records: OutgoingRecord[] = [];
    const add = (key: string, bytes: Uint8Array): void => void records.push({ topic: this.topic, partition: 0, key, value: bytes });
    if (value.length < room) add(name, Buffer.concat([Buffer.from([WHOLE]), value]));
    else {
      const count = Math.ceil(value.length / room), entry = Buffer.concat([Buffer.from([IN_PARTS]), Buffer.from(`${randomUUID()} ${count}`)]);
      partsOf(name, entry).forEach((part, index) => add(part, value.subarray(index * room, (index + 1) * room)));
      add(name, entry);
    }
    if (old?.[0] === IN_PARTS) for (const part of partsOf(name, old)) add(part, new Uint8Array(0));
    return records;
  }

  /** Everything that was put before this call. Calls that come while it is read need another look. */
  private async catchUp(): Promise<void> {
    const before = this.reading;
    const mine = (this.reading = (async () => {
      await before?.catch(() => undefined);
      for (;;) {
        const { records, nextOffset } = await this.read(this.next, READ_BYTES);
        for (const { key, value } of records) {
          const name = Buffer.from(key ?? []).toString();
          if (value.length > 0) this.stored.set(name, value);
          else this.stored.delete(name);
        }
        const end = records.length === 0;
        this.next = nextOffset;
        if (end) return;
      }
    })());
    await mine;
  }
}

function partsOf(name: string, entry: Uint8Array): string[] {
  const [id, count] = Buffer.from(entry.subarray(1)).toString().split(' ');
  return Array.from({ length: Number(count) }, (_, index) => `${name}#${id}.${index}`);
}
