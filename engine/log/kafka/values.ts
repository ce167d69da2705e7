/**
 * Named values in the compacted topic `control`: the key is the name, the newest record of a name counts. A value that is larger than a record may be is written in parts of its own
 * before the record that names them, so that it changes as a whole:
 *
 *   "reference/7"  → 0, bytes                     whole
 *   "products/ab#3f9c.0", "products/ab#3f9c.1"    parts …
 *   "products/ab"  → 1, "3f9c", number of parts   … and what they are parts of; the older one's parts are removed then
 *
 * A value that is added counts only where there is none yet: its key is "NAME added MARK", with a mark of whoever adds it, so that the topic keeps all that were added at the same time, and the
 * first of them in the topic's order is the value, for everybody.
 *
 * Promises: get answers what was put before, by whichever engine. Everything is held in memory: it is what the engine works with anyway (reference data, intents, keys).
 */
import { randomUUID } from 'node:crypto';
import type { OutgoingRecord } from './appender.js';
import type { Cluster } from './cluster.js';
import { readRecords } from './read.js';
import type { Unseen } from './unseen.js';

const WHOLE = 0, IN_PARTS = 1, READ_BYTES = 4 * 2 ** 20, OVERHEAD_BYTES = 1024;
const NAME_LENGTH_MAX = 200;
/** Not with a NUL between: the native client takes a key up to there. */
const ADDED = /^(.+) added ([0-9a-f-]{36})$/s;

export class Values {
  private readonly stored = new Map<string, Uint8Array>();
  /** By name: whose the value is that was added first. */
  private readonly adders = new Map<string, string>();
  private next = 0;
  private reading: Promise<void> | undefined;

  constructor(
    private readonly cluster: Cluster, private readonly unseen: Unseen, private readonly topic: string, private readonly messageBytesMax: number,
    private readonly write: (records: OutgoingRecord[], partitions: number[]) => Promise<void>,
  ) {}

  async get(name: string): Promise<Uint8Array | undefined> {
    await this.catchUp();
    const entry = this.stored.get(name);
    if (!entry) return undefined;
    if (entry[0] === WHOLE) return Uint8Array.from(entry.subarray(1));
    const parts = partsOf(name, entry).map((part) => this.stored.get(part)!);
    return Uint8Array.from(Buffer.concat(parts));
  }
  /** In one step. `partitions`: which must be ours. */
  async put(values: { name: string; value: Uint8Array }[], partitions: number[] = []): Promise<void> {
    const records = values.flatMap(({ name, value }) => {
      const adder = this.adders.get(name), written = this.recordsOf(name, value, name);
      // What was added has a key of its own, and would stay for ever. It goes after what takes its place, so that the name is never free.
      return adder === undefined ? written : [...written, { topic: this.topic, partition: 0, key: addedKey(name, adder), value: new Uint8Array(0) }];
    });
    await this.write(records, partitions);
  }
  /** False when there is one, or somebody else was first. */
  async add(name: string, value: Uint8Array): Promise<boolean> {
    await this.catchUp();
    if (this.stored.has(name)) return false;
    const mark = randomUUID();
    await this.write(this.recordsOf(name, value, addedKey(name, mark)), []);
    await this.catchUp();
    return this.adders.get(name) === mark;
  }

  /** What has to be written for it, in this order. */
  private recordsOf(name: string, value: Uint8Array, lastKey: string): OutgoingRecord[] {
    if (name.length === 0 || name.length > NAME_LENGTH_MAX || name.includes('\0')) throw new RangeError(`a value's name has 1 to ${NAME_LENGTH_MAX} characters and no NUL`);
    const room = this.messageBytesMax - OVERHEAD_BYTES, old = this.stored.get(name), records: OutgoingRecord[] = [];
    const add = (key: string, bytes: Uint8Array): void => void records.push({ topic: this.topic, partition: 0, key, value: bytes });
    if (value.length < room) add(lastKey, Buffer.concat([Buffer.from([WHOLE]), value]));
    else {
      const count = Math.ceil(value.length / room), entry = Buffer.concat([Buffer.from([IN_PARTS]), Buffer.from(`${randomUUID()} ${count}`)]);
      partsOf(name, entry).forEach((part, index) => add(part, value.subarray(index * room, (index + 1) * room)));
      add(lastKey, entry);
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
        await this.unseen.readable(this.topic, 0);
        const { records, nextOffset } = await readRecords(this.cluster, this.topic, 0, this.next, READ_BYTES, false);
        for (const { key, value } of records) {
          const text = Buffer.from(key ?? []).toString(), [, base, mark] = ADDED.exec(text) ?? [], name = base ?? text;
          if (mark !== undefined && this.stored.has(name)) continue;
          if (mark !== undefined) this.adders.set(name, mark);
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

const addedKey = (name: string, mark: string): string => `${name} added ${mark}`;
function partsOf(name: string, entry: Uint8Array): string[] {
  const [id, count] = Buffer.from(entry.subarray(1)).toString().split(' ');
  return Array.from({ length: Number(count) }, (_, index) => `${name}#${id}.${index}`);
}
