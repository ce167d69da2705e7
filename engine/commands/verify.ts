/**
 * `verify`: everything that an engine holds, compared with what the naive implementation makes of its log (loadtest/verifier.ts). Finds a running engine by
 * DIR/endpoints.json, else starts what it needs.
 */
import { exitCodes, print, printJson, say, type CommandDefinition, type ExitCode } from './command.js';
import { addSettings, loadConfig } from './settings.js';
import { createLogger } from '../logger.js';

export const verify: CommandDefinition = {
  name: 'verify',
  summary: 'Evaluate the log again with the second implementation and compare accounts, lots, entries, results and ClickHouse',
  examples: ['pointstream verify --data ./data', 'pointstream verify --data ./data --json'],
  configure(command) {
    addSettings(command);
    command.option('--json', 'report as JSON');
  },
  async run(options): Promise<ExitCode> {
    const config = await loadConfig(options);
    const { verifyDirectory, verifyText } = await import('../../loadtest/verifier.js');
    const report = await verifyDirectory({ config, logger: createLogger(config.logLevel), progress: say });
    if (options.json === true) printJson(report);
    else print(verifyText(report));
    return report.ok ? exitCodes.fine : exitCodes.failed;
  },
};
