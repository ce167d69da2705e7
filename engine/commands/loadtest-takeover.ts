/** `loadtest takeover`: how long an engine with an empty disk takes until it serves the partitions of one that was killed (loadtest/takeover.ts). */
import { CommandError, exitCodes, say, type CommandDefinition, type ExitCode } from './command.js';
import { addReport, addSeed, addVerify, count, decidedPorts, endOnSignal, tell } from './loadtest-options.js';
import { expectReportWritable } from './named-file.js';
import { addSettings, loadConfig } from './settings.js';
import { createLogger } from '../logger.js';

const defaults = { logLevel: 'warn' } as const;

export const loadtestTakeover: CommandDefinition = {
  name: 'loadtest takeover',
  summary: 'Kill an engine on Kafka, time another one with an empty disk until it serves all partitions',
  examples: ['pointstream loadtest takeover --kafka 127.0.0.1:9092', 'pointstream loadtest takeover --kafka 127.0.0.1:9092 --accounts 100000 --transactions 500000 --json -'],
  configure(command) {
    command.option('--accounts <n>', 'cards', '1000000').option('--transactions <n>', 'evaluated before the first engine is killed', '5000000');
    addReport(addVerify(addSeed(command)));
    addSettings(command, defaults, ['data', ...decidedPorts, 'clickhouse']);
  },
  async run(options): Promise<ExitCode> {
    endOnSignal();
    await expectReportWritable(options);
    const config = await loadConfig(options, { defaults });
    if (config.kafka === '') throw new CommandError(exitCodes.usage, 'partitions are taken over on Kafka only: --kafka HOST:PORT');
    const { runTakeover, takeoverText } = await import('../../loadtest/takeover.js');
    const report = await runTakeover({
      accounts: count(options, 'accounts'), transactions: count(options, 'transactions'), seed: count(options, 'seed', 0), verify: options.verify !== false,
      config, logger: createLogger(config.logLevel), progress: say,
    });
    await tell(report, takeoverText, options);
    return report.verified === false ? exitCodes.failed : exitCodes.fine;
  },
};
