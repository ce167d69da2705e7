/** Opens the log that the settings name: on Kafka, or embedded in the data directory. The one place that knows both. */
import { rolesOf, type Config } from '../config.js';
import { openEmbeddedLog } from './embedded.js';
import { connectionOf } from './kafka/connection.js';
import type { Log } from './log.js';

export async function openLog(config: Config): Promise<Log> {
  const { data: directory } = config, partitions = config.partitions > 0 ? { partitions: config.partitions } : {};
  if (config.kafka === '') return openEmbeddedLog({ directory, ...partitions });
  // Loaded when it is asked for: its clients take half a second.
  const { openKafkaLog } = await import('./kafka/kafka-log.js');
  return openKafkaLog({
    connection: connectionOf(config), prefix: config.kafkaPrefix, directory, codec: config.kafkaCompression, sessionMs: config.kafkaSessionMs,
    engine: rolesOf(config).has('engine'), ...partitions,
  });
}
