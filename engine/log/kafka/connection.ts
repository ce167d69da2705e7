/** How a Kafka cluster is reached; the same for both clients (client.ts, cluster.ts). */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { ConnectionOptions } from '@platformatic/kafka';
import type { Config } from '../../config.js';
import { readTlsFiles } from '../../tls-files.js';
import { LogError } from '../log.js';

export interface KafkaConnection {
  /** HOST:PORT of some of its brokers. */
  brokers: string[];
  clientId: string;
  /** Without a file for the authorities, and none that the system has, each client goes by a list of its own. */
  tls?: { caFile: string | undefined; certificateFile: string | undefined; keyFile: string | undefined };
  sasl?: { mechanism: SaslMechanism; user: string; password: string };
}
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

/** What the settings say of it. */
export function connectionOf(config: Config): Omit<KafkaConnection, 'clientId'> {
  const file = (name: string): string | undefined => (name === '' ? undefined : name);
  const tls = { caFile: file(config.kafkaTlsCa) ?? systemAuthorities(), certificateFile: file(config.kafkaTlsCertificate), keyFile: file(config.kafkaTlsKey) };
  return {
    brokers: readBrokers(config.kafka), ...(config.kafkaTls === 'on' ? { tls } : {}),
    ...(config.kafkaSasl === 'off' ? {} : { sasl: { mechanism: config.kafkaSasl.toUpperCase() as SaslMechanism, user: config.kafkaUser, password: config.kafkaPassword } }),
  };
}

/** Where systems keep the authorities that they trust, as OpenSSL and the native client look for them: Node.js would take a list of its own, and the two clients have to agree. */
const SYSTEM_AUTHORITIES = [
  '/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem', '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', '/etc/ssl/cert.pem',
];
function systemAuthorities(): string | undefined {
  return process.env.SSL_CERT_FILE ?? SYSTEM_AUTHORITIES.find((file) => existsSync(file));
}

/** A request that is not answered by then is given up and repeated. */
const REQUEST_MS_MAX = 20_000, CONNECT_MS_MAX = 5000;
/** Requests on their way on one connection. */
const REQUESTS_MAX = 64;

/** Of a connection of the data plane. Throws LogError `failed` that names the setting when a file is not what it should be. */
export function connectionOptions({ tls, sasl }: KafkaConnection, host: string): ConnectionOptions {
  return {
    connectTimeout: CONNECT_MS_MAX, requestTimeout: REQUEST_MS_MAX, maxInflights: REQUESTS_MAX,
    // What certificates are compared with either way; as a name to be sent, addresses are forbidden.
    ...(tls ? { tls: { secureContext: secureContextOf(tls) }, tlsServerName: isIP(host) === 0 } : {}),
    ...(sasl ? { sasl: { mechanism: sasl.mechanism, username: sasl.user, password: sasl.password } } : {}),
  };
}

function secureContextOf({ caFile: ca, certificateFile: certificate, keyFile: key }: NonNullable<KafkaConnection['tls']>): SecureContext {
  try {
    return createSecureContext(readTlsFiles('kafkaTls', { ca, certificate, key }));
  } catch (error) {
    // They were fine at the start: somebody is replacing them.
    throw new LogError('failed', (error as Error).message, { cause: error });
  }
}

const PORT_MAX = 65_535;

/** "host:port, host:port"; throws an Error that says what is wrong. */
export function readBrokers(text: string): string[] {
  const brokers = text.split(',').map((broker) => broker.trim()).filter((broker) => broker !== '');
  const wrong = brokers.find((broker) => !(Number(/^(?:\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})$/.exec(broker)?.[1]) <= PORT_MAX));
  if (wrong !== undefined || brokers.length === 0) throw new Error(`${JSON.stringify(wrong ?? text)} is not HOST:PORT`);
  return brokers;
}
