/** `loadtest http`: purchases over HTTP as partners send them, then single posts on the idle engine (loadtest/http.ts). */
import { writeFile } from 'node:fs/promises';
import { CommandError, exitCodes, print, printJson, say, type CommandDefinition, type ExitCode } from './command.js';
import { addSettings, loadConfig } from './settings.js';
import { createLogger } from '../logger.js';

export const loadtestHttp: CommandDefinition = {
  name: 'loadtest http',
  summary: 'Post generated transactions over HTTP (NDJSON, several connections), then single ones on the idle engine, verify',
  examples: ['pointstream loadtest http --transactions 600000', 'pointstream loadtest http --transactions 100000 --connections 1 --no-verify --json -'],
  configure(command) {
    command
      .requiredOption('--transactions <n>', 'how many')
      .option('--accounts <n>', 'cards', '1000000')
      .option('--partners <n>', 'partners', '50')
      .option('--rules <n>', 'rules over all partners', '50')
      .option('--connections <n>', 'that post at the same time', '4')
      .option('--seed <n>', 'seed of the generator', '42')
      .option('--no-verify', 'leave the verifier out')
      .option('--json <file>', 'write the report there (- for stdout)');
    addSettings(command);
  },
  async run(options): Promise<ExitCode> {
    const count = (name: string): number => {
      const value = Number(options[name]);
      if (!Number.isSafeInteger(value) || value < 1) throw new CommandError(exitCodes.usage, `--${name}: ${String(options[name])} is not a number of things`);
      return value;
    };
    const config = await loadConfig({ logLevel: 'warn', ...options });
    const { runHttp, httpText } = await import('../../loadtest/http.js');
    const report = await runHttp({
      transactions: count('transactions'), accounts: count('accounts'), partners: count('partners'), rules: count('rules'), connections: count('connections'), seed: count('seed'),
      verify: options.verify !== false, config, logger: createLogger(config.logLevel), progress: say,
    });
    if (options.json === '-') printJson(report);
    else {
      print(httpText(report));
      if (options.json !== undefined) await writeFile(String(options.json), `${JSON.stringify(report, null, 2)}\n`);
    }
    return report.verified === false ? exitCodes.failed : exitCodes.fine;
  },
};
