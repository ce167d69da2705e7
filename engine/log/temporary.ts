/** A log that nobody needs afterwards, for measurements and the demo: on Kafka, topics under a name of their own, deleted in the end. What is in the data directory is its owner's. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../config.js';
import { connectionOf } from './kafka/connection.js';

export function temporaryLog(config: Config): { config: Config; remove(): Promise<void> } {
  if (config.kafka === '') return { config, remove: async () => undefined };
  const own: Config = { ...config, kafkaPrefix: `${config.kafkaPrefix}${randomUUID().slice(0, 8)}-` };
  return {
    config: own,
    async remove() {
      const { removeTopics } = await import('./kafka/topics.js');
      await removeTopics({ ...connectionOf(own), clientId: 'pointstream' }, own.kafkaPrefix);
    },
  };
}
