/** A process of its own that adds to the snapshot of partition 0 as fast as it can, until it is told that the partition is another's: `node snapshot-writer.js BROKER PREFIX DIRECTORY SESSION_MS`. */
import { openKafkaLog } from '../../engine/log/kafka/kafka-log.js';
import type { LogError } from '../../engine/log/log.js';

const [broker, prefix, directory, sessionMs] = process.argv.slice(2) as [string, string, string, string];
const log = await openKafkaLog({ connection: { brokers: [broker] }, prefix, directory, codec: 'lz4', sessionMs: Number(sessionMs), engine: true, partitions: 1 });
await log.position('commands', 0);
try {
  for (let n = 0; ; n++) {
    await log.commit({ outputs: [{ topic: 'snapshots', partition: 0, key: 'meta', value: Buffer.from(`former ${n}`) }], positions: [], fences: [0] });
    process.stdout.write(`written ${n}\n`);
  }
} catch (error) {
  process.stdout.write(`${(error as LogError).code}\n`);
}
await log.close();
