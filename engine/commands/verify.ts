/**
 * `verify`: everything that an engine holds, compared with what the naive implementation makes of its log (loadtest/verifier.ts). Asks the engine that runs on the
 * directory (DIR/endpoints.json), else starts what it needs for the time.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerifyReport } from '../../loadtest/verifier.js';
import type { Config } from '../config.js';
import { runningEndpoints } from '../endpoints.js';
import { operatorKeyPath } from '../keys.js';
import { createLogger } from '../logger.js';
import type { RunningEngine } from '../start.js';
import { Client } from './client.js';
import { CommandError, exitCodes, print, printJson, say, type CommandDefinition, type ExitCode } from './command.js';
import { expectLog, isAbsent } from './expect-log.js';
import { addSettings, loadSettings, withoutMissingChdb } from './settings.js';

const defaults = { logLevel: 'warn' } as const;

export const verify: CommandDefinition = {
  name: 'verify',
  summary: 'Evaluate the log again with the second implementation and compare accounts, lots, entries, results and ClickHouse',
  examples: ['pointstream verify --data ./data', 'pointstream verify --data ./data --json'],
  configure(command) {
    addSettings(command, defaults);
    command.option('--json', 'report as JSON');
  },
  async run(options): Promise<ExitCode> {
    const loaded = await loadSettings(options, { defaults }), url = await runningEngine(loaded.config.data);
    if (url === undefined) await expectLog(loaded.config, 'verify');
    // An engine that runs there has what it needs.
    const config = url === undefined ? withoutMissingChdb(loaded, say) : loaded.config;
    if (url === undefined && config.kafka !== '') expectFacts(config);
    const { verifyDirectory, verifyText } = await import('../../loadtest/verifier.js');
    const report = url === undefined ? await verifyDirectory({ config, logger: createLogger(config.logLevel), progress: say }) : await ask(url, config);
    if (options.json === true) printJson(report);
    else print(verifyText(report));
    return report.ok ? exitCodes.fine : exitCodes.failed;
  },
};

/** What an engine that serves answers to POST /v1/verify. */
export async function verifyEngine(running: RunningEngine, progress: (line: string) => void): Promise<VerifyReport> {
  const { verifyRunning } = await import('../../loadtest/verifier.js');
  return verifyRunning(running, { progress });
}

/** The address of the engine that runs on the directory, and answers. */
async function runningEngine(directory: string): Promise<string | undefined> {
  try {
    const endpoints = runningEndpoints(directory);
    if (endpoints === undefined) return undefined;
    await fetch(`${endpoints.http}/livez`, { signal: AbortSignal.timeout(10_000) });
    return endpoints.http;
  } catch (error) {
    if (isAbsent(error) || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** An engine delivers facts, and a new ClickHouse would be made for them here, where nobody looks for them and from where they don't come back. */
function expectFacts(config: Config): void {
  const directory = join(config.data, 'clickhouse');
  if (config.clickhouse !== 'embedded' || existsSync(directory)) return;
  throw new CommandError(exitCodes.usage, `${directory} is not there, so the facts are elsewhere: say where serve brings them, --clickhouse URL, or --clickhouse off to leave them out`);
}

async function ask(url: string, config: Config): Promise<VerifyReport> {
  const key = config.adminKey !== '' ? config.adminKey : (await readFile(operatorKeyPath(config.data), 'utf8')).trim();
  const client = await Client.open({ url, key });
  for await (const line of client.lines('POST', '/v1/verify')) {
    const { progress, report, failure } = JSON.parse(line) as { progress?: string; report?: VerifyReport; failure?: string };
    if (progress !== undefined) say(progress);
    if (report !== undefined) return report;
    if (failure !== undefined) throw new CommandError(exitCodes.unavailable, `the engine could not verify: ${failure}`);
  }
  throw new CommandError(exitCodes.unavailable, 'the engine ended before its verification did');
}
