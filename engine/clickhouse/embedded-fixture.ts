/** A real embedded ClickHouse for tests: in a directory of its own, on a free port, ended with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { createLogger } from '../logger.js';
import { startEmbeddedClickHouse, type EmbeddedClickHouse, type EmbeddedOptions } from './child.js';
import * as installed from './installed.js';

/** Why tests that need it are skipped here, or false; begins with the part's name (CONTRIBUTING.md, Commands). */
const missing = installed.chdbMissing();
export const chdbMissing = missing !== undefined && `chdb: not installed here (${missing})`;

interface Teardown { teardown(action: () => unknown): void }
export interface ForTest { clickHouse: EmbeddedClickHouse; directory: string; engine: ClickHouseClient; reader: ClickHouseClient }

export async function startForTest(t: Teardown, options: Partial<EmbeddedOptions> = {}): Promise<ForTest> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'pointstream-clickhouse-'));
  const clickHouse = await startEmbeddedClickHouse({
    directory, port: 0, host: '127.0.0.1', memoryBytesMax: 500 * 2 ** 20, access: 'readonly', logger: createLogger('silent'), ...options,
  });
  const log = { level: ClickHouseLogLevel.OFF };
  const engine = createClient({ url: clickHouse.url, username: clickHouse.engineUser, password: clickHouse.enginePassword, log });
  const reader = createClient({ url: clickHouse.url, log });
  t.teardown(async () => {
    await engine.close();
    await reader.close();
    await clickHouse.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return { clickHouse, directory, engine, reader };
}

const WAIT_MS_MAX = 120_000;

/** Until it is so; fails after a generous while. */
export async function eventually(isSo: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const giveUp = Date.now() + WAIT_MS_MAX; !(await isSo());) {
    if (Date.now() > giveUp) throw new Error(`not within ${WAIT_MS_MAX / 1000} s: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
