/**
 * A ClickHouse server for tests: the real one that POINTSTREAM_TEST_CLICKHOUSE_URL names (user and password may stand in the address), else the embedded endpoint, asked as a server is.
 * Each has a database of its own, without tables, which goes with the test.
 */
import { randomUUID } from 'node:crypto';
import { atServer, type Endpoint } from '../../engine/clickhouse-endpoint.js';
import { chdbMissing, startForTest } from '../../engine/clickhouse/embedded-fixture.js';

const named = process.env.POINTSTREAM_TEST_CLICKHOUSE_URL ?? '';
export const isRealServer = named !== '';
/** Why there is none here, or false. */
export const serverMissing: string | false = isRealServer ? false : chdbMissing;

interface Teardown { teardown(action: () => unknown): void }

export async function serverForTest(t: Teardown): Promise<Endpoint> {
  const database = `test_${randomUUID().slice(0, 8)}`, place = { database, cluster: '' };
  if (!isRealServer) {
    const { clickHouse } = await startForTest(t);
    const login = { user: clickHouse.engineUser, password: clickHouse.enginePassword };
    return { url: clickHouse.url, ...login, login, ...place };
  }
  const { origin, username, password } = new URL(named), login = { user: decodeURIComponent(username) || 'default', password: decodeURIComponent(password) };
  const endpoint: Endpoint = { url: origin, ...login, login, ...place };
  t.teardown(() => atServer(endpoint, async (client) => {
    const found = await (await client.query({ query: `SELECT name FROM system.databases WHERE startsWith(name, '${database}')`, format: 'JSONEachRow' })).json<{ name: string }>();
    for (const { name } of found) await client.command({ query: `DROP DATABASE ${name} SYNC` });
  }));
  return endpoint;
}

/** The first column of the first row. */
export async function ask(endpoint: Endpoint, query: string): Promise<string> {
  return atServer(endpoint, async (client) => {
    const [row] = await (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
    return String(Object.values(row!)[0]);
  });
}
