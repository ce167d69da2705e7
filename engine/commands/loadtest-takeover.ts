/** `loadtest takeover`: how long an engine with an empty disk takes until it serves the partitions of one that was killed (loadtest/takeover.ts). */
import { writeFile } from 'node:fs/promises';
import { CommandError, exitCodes, print, printJson, say, type CommandDefinition, type ExitCode } from './command.js';
import { addSettings, loadConfig } from './settings.js';
import { createLogger } from '../logger.js';

export const loadtestTakeover: CommandDefinition = {
  name: 'loadtest takeover',
  summary: 'Kill an engine on Kafka, time another one with an empty disk until it serves all partitions',
  examples: ['pointstream loadtest takeover --kafka 127.0.0.1:9092', 'pointstream loadtest takeover --kafka 127.0.0.1:9092 --accounts 100000 --transactions 500000 --json -'],
  configure(command) {
    command
      .option('--accounts <n>', 'cards', '1000000')
      .option('--transactions <n>', 'evaluated before the first engine is killed', '5000000')
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
    if (config.kafka === '') throw new CommandError(exitCodes.usage, 'partitions are taken over on Kafka only: --kafka HOST:PORT');
    const { runTakeover, takeoverText } = await import('../../loadtest/takeover.js');
    const report = await runTakeover({
      accounts: count('accounts'), transactions: count('transactions'), seed: count('seed'), verify: options.verify !== false, config, logger: createLogger(config.logLevel), progress: say,
    });
    if (options.json === '-') printJson(report);
    else {
      print(takeoverText(report));
      if (options.json !== undefined) await writeFile(String(options.json), `${JSON.stringify(report, null, 2)}\n`);
    }
    return report.verified === false ? exitCodes.failed : exitCodes.fine;
  },
};
