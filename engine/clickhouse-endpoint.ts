/** Where ClickHouse is and who asks there: the embedded child's endpoint or a server's, and the client for it. */
import { rootCertificates } from 'node:tls';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { embeddedPlace, type DatabasePlace } from '../schemas/clickhouse/migrations.js';
import type { Config } from './config.js';
import { EngineError } from './engine.js';
import { readTlsFiles } from './tls-files.js';

export interface Endpoint extends DatabasePlace {
  url: string;
  /** The engine's own, who may write. */
  user: string;
  password: string;
  /** PEM files, of an https address. */
  tls?: { ca: string; certificate: string; key: string };
}

/** An insert or a query that takes longer has lost its server. */
const REQUEST_MS_MAX = 60_000;
/** What changes tables waits for all replicas. */
const MIGRATION_MS_MAX = 300_000;
const RETRY_SECONDS = 5;

export function embeddedEndpoint({ url, engineUser: user, enginePassword: password }: { url: string; engineUser: string; enginePassword: string }): Endpoint {
  return { url, user, password, ...embeddedPlace };
}
/** The server that the settings name. */
export function serverEndpoint(config: Config): Endpoint {
  const login = { user: config.clickhouseUser, password: config.clickhousePassword };
  return {
    url: config.clickhouse, ...login, login, database: config.clickhouseDatabase, cluster: config.clickhouseCluster,
    tls: { ca: config.clickhouseTlsCa, certificate: config.clickhouseTlsCertificate, key: config.clickhouseTlsKey },
  };
}

/** Its names of tables are those of the database. */
export function connect(endpoint: Endpoint): ClickHouseClient {
  return client(endpoint, endpoint.database, REQUEST_MS_MAX);
}
/** With a client for migrations, also where the database is not there yet. Throws EngineError `unavailable` with what the server says, or that it does not. */
export async function atServer<T>(endpoint: Endpoint, action: (client: ClickHouseClient, endpoint: Endpoint) => Promise<T>): Promise<T> {
  const own = client(endpoint, 'default', MIGRATION_MS_MAX);
  try {
    return await action(own, endpoint);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EngineError('unavailable', `ClickHouse at ${endpoint.url}: ${message || code || String(error)}`, RETRY_SECONDS);
  } finally {
    await own.close();
  }
}

function client({ url, user, password, tls }: Endpoint, database: string, requestMsMax: number): ClickHouseClient {
  const { ca, cert, key } = readTlsFiles('clickhouseTls', tls ?? {});
  // The client takes a certificate of ours only together with authorities.
  const authorities = ca ?? (cert && rootCertificates.join('\n'));
  return createClient({
    url, username: user, password, database, request_timeout: requestMsMax, application: 'pointstream', log: { level: ClickHouseLogLevel.OFF },
    ...(authorities === undefined ? {} : { tls: { ca_cert: Buffer.from(authorities), ...(cert && key ? { cert: Buffer.from(cert), key: Buffer.from(key) } : {}) } }),
  });
}
