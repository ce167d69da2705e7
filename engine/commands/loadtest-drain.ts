/** `loadtest drain`: fills the log, times the engine until everything is in ClickHouse (loadtest/drain.ts). */
import { Option } from 'commander';
import { exitCodes, say, type CommandDefinition, type ExitCode } from './command.js';
import { addReport, addSeed, addVerify, addWorld, count, decidedPorts, tell } from './loadtest-options.js';
import { expectReportWritable } from './named-file.js';
import { addSettings, loadSettings, withoutMissingChdb } from './settings.js';
import { createLogger } from '../logger.js';

export const loadtestDrain: CommandDefinition = {
  name: 'loadtest drain',
  summary: 'Fill the log with generated transactions, time the engine until all facts are in ClickHouse, verify',
  examples: ['pointstream loadtest drain --transactions 3000000', 'pointstream loadtest drain --transactions 1000000 --rules 10000 --partners 500 --json report.json'],
  configure(command) {
    addSeed(addWorld(command.requiredOption('--transactions <n>', 'how many')))
      .addOption(new Option('--rule-set <set>', 'says nothing any more: rules are of every kind of award').choices(['first', 'all']).default('first'))
      .addOption(new Option('--distribution <kind>', 'how often the accounts come').choices(['zipf', 'uniform']).default('zipf'));
    addReport(addVerify(command));
    addSettings(command, { data: 'a temporary directory, removed at the end' }, decidedPorts);
  },
  async run(options): Promise<ExitCode> {
    await expectReportWritable(options);
    const config = withoutMissingChdb(await loadSettings(options), say);
    const { runDrain, drainText } = await import('../../loadtest/drain.js');
    const report = await runDrain({
      transactions: count(options, 'transactions'), accounts: count(options, 'accounts'), partners: count(options, 'partners'), rules: count(options, 'rules'),
      seed: count(options, 'seed', 0), distribution: options.distribution as 'zipf' | 'uniform', verify: options.verify !== false,
      ...(options.data === undefined ? {} : { data: String(options.data) }), config, logger: createLogger(config.logLevel), progress: say,
    });
    await tell(report, drainText, options);
    return report.verified === false ? exitCodes.failed : exitCodes.fine;
  },
};
