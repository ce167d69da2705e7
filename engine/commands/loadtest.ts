/** `loadtest drain`: fills the log, times the engine until everything is in ClickHouse (loadtest/drain.ts). */
import { writeFile } from 'node:fs/promises';
import { Option } from 'commander';
import { CommandError, exitCodes, print, printJson, say, type CommandDefinition, type ExitCode } from './command.js';
import { addSettings, loadConfig } from './settings.js';
import { createLogger } from '../logger.js';

export const loadtestDrain: CommandDefinition = {
  name: 'loadtest drain',
  summary: 'Fill the log with generated transactions, time the engine until all facts are in ClickHouse, verify',
  examples: ['pointstream loadtest drain --transactions 3000000', 'pointstream loadtest drain --transactions 1000000 --rules 10000 --partners 500 --json report.json'],
  configure(command) {
    command
      .requiredOption('--transactions <n>', 'how many')
      .option('--accounts <n>', 'cards', '1000000')
      .option('--partners <n>', 'partners', '50')
      .option('--rules <n>', 'rules over all partners', '50')
      .addOption(new Option('--rule-set <set>', 'which kinds of award').choices(['first', 'all']).default('first'))
      .option('--seed <n>', 'seed of the generator', '42')
      .addOption(new Option('--distribution <kind>', 'how often the accounts come').choices(['zipf', 'uniform']).default('zipf'))
      .option('--no-verify', 'leave the verifier out')
      .option('--json <file>', 'write the report there (- for stdout)');
    addSettings(command);
  },
  async run(options): Promise<ExitCode> {
    const count = (name: string): number => {
      const value = Number(options[name]);
      if (!Number.isSafeInteger(value) || value < 0) throw new CommandError(exitCodes.usage, `--${name}: ${String(options[name])} is not a number of things`);
      return value;
    };
    const config = await loadConfig(options);
    const { runDrain, drainText } = await import('../../loadtest/drain.js');
    const report = await runDrain({
      transactions: count('transactions'), accounts: count('accounts'), partners: count('partners'), rules: count('rules'), seed: count('seed'),
      ruleSet: options.ruleSet as 'first' | 'all', distribution: options.distribution as 'zipf' | 'uniform', verify: options.verify !== false,
      ...(options.data === undefined ? {} : { data: String(options.data) }), config, logger: createLogger(config.logLevel), progress: say,
    });
    if (options.json === '-') printJson(report);
    else {
      print(drainText(report));
      if (options.json !== undefined) await writeFile(String(options.json), `${JSON.stringify(report, null, 2)}\n`);
    }
    return report.verified === false ? exitCodes.failed : exitCodes.fine;
  },
};
