/** The log's contract on Apache Kafka, with a real broker. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openKafkaLog } from '../../engine/log/kafka/kafka-log.js';
import { logContract, type LogStorage } from '../log-contract/log-contract.js';
import { Broker, kafkaMissing } from './broker.js';

if (kafkaMissing) t.pass('skipped', { skip: kafkaMissing });
else {
  const broker = await Broker.start(t);
  let storages = 0;
  logContract(t, {
    name: 'kafka',
    takesClock: false,
    async create(): Promise<LogStorage> {
      const directory = mkdtempSync(join(tmpdir(), 'pointstream-log-')), prefix = `contract-${storages++}-`;
      return {
        open: ({ partitions }) => openKafkaLog({
          connection: { brokers: [broker.address] }, prefix, directory, codec: 'lz4', sessionMs: 6000, engine: true, ...(partitions === undefined ? {} : { partitions }),
        }),
        async remove() { rmSync(directory, { recursive: true }); },
      };
    },
  });
}
