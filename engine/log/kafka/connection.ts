/** How a Kafka cluster is reached; the same for both clients (client.ts, cluster.ts). */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from '@platformatic/kafka';
import type { Config } from '../../config.js';

export interface KafkaConnection {
  /** HOST:PORT of some of its brokers. */
  brokers: string[];
  clientId: string;
  /** Without a file for the authorities those of the system count. */
  tls?: { caFile: string | undefined; certificateFile: string | undefined; keyFile: string | undefined };
  sasl?: { mechanism: SaslMechanism; user: string; password: string };
}
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

/** What the settings say of it. */
export function connectionOf(config: Config): Omit<KafkaConnection, 'clientId'> {
  const file = (name: string): string | undefined => (name === '' ? undefined : name);
  const tls = { caFile: file(config.kafkaTlsCa), certificateFile: file(config.kafkaTlsCertificate), keyFile: file(config.kafkaTlsKey) };
  return {
    brokers: readBrokers(config.kafka), ...(config.kafkaTls === 'on' ? { tls } : {}),
    ...(config.kafkaSasl === 'off' ? {} : { sasl: { mechanism: config.kafkaSasl.toUpperCase() as SaslMechanism, user: config.kafkaUser, password: config.kafkaPassword } }),
  };
}

/** A request that is not answered by then is given up and repeated. */
const REQUEST_MS_MAX = 20_000, CONNECT_MS_MAX = 5000;
/** Requests on their way on one connection. */
const REQUESTS_MAX = 64;

export function connectionOptions({ tls, sasl }: KafkaConnection): ConnectionOptions {
  const read = (file: string | undefined): Buffer | undefined => (file ? readFileSync(file) : undefined);
  return {
    connectTimeout: CONNECT_MS_MAX, requestTimeout: REQUEST_MS_MAX, maxInflights: REQUESTS_MAX,
    ...(tls ? { tls: { ca: read(tls.caFile), cert: read(tls.certificateFile), key: read(tls.keyFile) }, tlsServerName: true } : {}),
    ...(sasl ? { sasl: { mechanism: sasl.mechanism, username: sasl.user, password: sasl.password } } : {}),
  };
}

/** "host:port, host:port"; throws an Error that says what is wrong. */
export function readBrokers(text: string): string[] {
  const brokers = text.split(',').map((broker) => broker.trim()).filter((broker) => broker !== '');
  const wrong = brokers.find((broker) => !/^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/.test(broker));
  if (wrong !== undefined || brokers.length === 0) throw new Error(`${JSON.stringify(wrong ?? text)} is not HOST:PORT`);
  return brokers;
}
