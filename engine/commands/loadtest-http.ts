/** `loadtest http`: purchases over HTTP as partners send them, then single posts on the idle engine (loadtest/http.ts). */
import { exitCodes, say, type CommandDefinition, type ExitCode } from './command.js';
import { addReport, addSeed, addVerify, addWorld, count, decidedPorts, tell } from './loadtest-options.js';
import { expectReportWritable } from './named-file.js';
import { addSettings, loadSettings, withoutMissingChdb } from './settings.js';
import { createLogger } from '../logger.js';

const defaults = { logLevel: 'warn' } as const;

export const loadtestHttp: CommandDefinition = {
  name: 'loadtest http',
  summary: 'Post generated transactions over HTTP (NDJSON, several connections), then single ones on the idle engine, verify',
  examples: ['pointstream loadtest http --transactions 600000', 'pointstream loadtest http --transactions 100000 --connections 1 --no-verify --json -'],
  configure(command) {
    addWorld(command.requiredOption('--transactions <n>', 'how many')).option('--connections <n>', 'that post at the same time', '4');
    addReport(addVerify(addSeed(command)));
    addSettings(command, defaults, ['data', ...decidedPorts]);
  },
  async run(options): Promise<ExitCode> {
    await expectReportWritable(options);
    const config = withoutMissingChdb(await loadSettings(options, { defaults }), say);
    const { runHttp, httpText } = await import('../../loadtest/http.js');
    const report = await runHttp({
      transactions: count(options, 'transactions'), accounts: count(options, 'accounts'), partners: count(options, 'partners'), rules: count(options, 'rules'),
      connections: count(options, 'connections'), seed: count(options, 'seed', 0), verify: options.verify !== false, config, logger: createLogger(config.logLevel), progress: say,
    });
    await tell(report, httpText, options);
    return report.verified === false ? exitCodes.failed : exitCodes.fine;
  },
};
