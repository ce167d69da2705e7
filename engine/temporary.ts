/**
 * An installation that nobody needs afterwards, for measurements and the demo: on Kafka topics under a name of their own, on a ClickHouse server a database of its own with its tables;
 * both are removed in the end. What is in the data directory is its owner's.
 */
import { randomUUID } from 'node:crypto';
import { migrate, onCluster } from '../schemas/clickhouse/migrations.js';
import { atServer, serverEndpoint } from './clickhouse-endpoint.js';
import { isServer, type Config } from './config.js';
import { connectionOf } from './log/kafka/connection.js';

export interface Temporary { config: Config; remove(): Promise<void> }

/** Throws what the ClickHouse server says; Kafka's topics are made by who opens the log. */
export async function temporaryInstallation(given: Config): Promise<Temporary> {
  const own = randomUUID().slice(0, 8);
  const config: Config = {
    ...given,
    ...(given.kafka === '' ? {} : { kafkaPrefix: `${given.kafkaPrefix}${own}-` }),
    ...(isServer(given.clickhouse) ? { clickhouseDatabase: `${given.clickhouseDatabase}_${own}` } : {}),
  };
  const dropDatabase = async (): Promise<void> => {
    if (!isServer(config.clickhouse)) return;
    await atServer(serverEndpoint(config), (client, { database, cluster }) => client.command({ query: `DROP DATABASE IF EXISTS ${database} ${onCluster(cluster)} SYNC` }));
  };
  if (isServer(config.clickhouse)) {
    await atServer(serverEndpoint(config), migrate).catch(async (error: unknown) => {
      await dropDatabase().catch(() => undefined); // the first failure is the one that says why
      throw error;
    });
  }
  return {
    config,
    async remove() {
      await dropDatabase();
      if (config.kafka === '') return;
      const { removeTopics } = await import('./log/kafka/topics.js');
      await removeTopics({ ...connectionOf(config), clientId: 'pointstream' }, config.kafkaPrefix);
    },
  };
}
