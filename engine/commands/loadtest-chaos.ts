/** `loadtest chaos`: engines on Kafka are killed, frozen and stopped at random while they are fed, and their broker and ClickHouse are killed too (loadtest/chaos.ts). */
import { CommandError, exitCodes, say, type CommandDefinition, type ExitCode } from './command.js';
import { addReport, decidedPorts, endOnSignal, tell } from './loadtest-options.js';
import { expectReportWritable } from './named-file.js';
import { addSettings, loadSettings, withoutMissingChdb } from './settings.js';
import { createLogger } from '../logger.js';

const defaults = { logLevel: 'error' } as const;

export const loadtestChaos: CommandDefinition = {
  name: 'loadtest chaos',
  summary: 'Kill, freeze and stop engines on Kafka at random while they are fed, and the broker and ClickHouse, then verify that nothing is lost or counted twice',
  examples: ['pointstream loadtest chaos --minutes 10   # with a broker and a ClickHouse of its own, which are killed too',
    'pointstream loadtest chaos --kafka 127.0.0.1:9092 --clickhouse http://127.0.0.1:8123 --minutes 10',
    'pointstream loadtest chaos --kafka 127.0.0.1:9092 --minutes 0.5 --seed 7 --kafka-session-ms 2000 --json -'],
  configure(command) {
    addReport(command.option('--minutes <n>', 'how long', '1').option('--seed <n>', 'of what happens, and of the purchases', '42'));
    addSettings(command, defaults, ['data', ...decidedPorts]);
  },
  async run(options): Promise<ExitCode> {
    endOnSignal();
    const minutes = Number(options.minutes), seed = Number(options.seed);
    if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new CommandError(exitCodes.usage, '--minutes takes a number above 0, --seed an integer');
    await expectReportWritable(options);
    const config = withoutMissingChdb(await loadSettings(options, { defaults }), say);
    const { runChaos, chaosText } = await import('../../loadtest/chaos.js');
    const report = await runChaos({ minutes, seed, config, logger: createLogger(config.logLevel), progress: say });
    await tell(report, chaosText, options);
    return report.ok ? exitCodes.fine : exitCodes.failed;
  },
};
