/** `serve`: engine, gateway and metrics in one process, until a signal. */
import { endProcessNow } from '../end-process.js';
import { createLogger } from '../logger.js';
import { exitCodes, say, type CommandDefinition, type ExitCode } from './command.js';
import { addSettings, loadSettings, withoutMissingChdb } from './settings.js';
import { stopSignal } from './stop-signal.js';
import { verifyEngine } from './verify.js';

export const serve: CommandDefinition = {
  name: 'serve',
  summary: 'Run the engine with its HTTP API on a data directory',
  examples: ['pointstream serve --data ./data', 'pointstream serve --data ./data --port 0 --clickhouse-port 0 --metrics-port 0   # free ports, see ./data/endpoints.json',
    'pointstream serve --data ./data --kafka broker-1:9092,broker-2:9092   # the log is on Kafka; ./data holds what can be made anew',
    'pointstream serve --data ./data --clickhouse http://127.0.0.1:8123   # facts go to a server, after pointstream migrate'],
  configure: addSettings,
  async run(options): Promise<ExitCode> {
    const loaded = await loadSettings(options), logger = createLogger(loaded.config.logLevel);
    const config = withoutMissingChdb(loaded, (line) => logger.warn(line));
    const signal = stopSignal();
    let asked = false;
    const endInTime = (): void => {
      setTimeout(() => {
        logger.error({ stopTimeoutMs: config.stopTimeoutMs }, 'could not stop in time; what was acknowledged is in the log');
        endProcessNow(exitCodes.failed);
      }, config.stopTimeoutMs);
    };
    // Loaded when it is needed, so that the other commands start at once.
    const { startServing } = await import('../serving.js');
    // From the signal on, also when it is not ready yet.
    void signal.then(() => {
      asked = true;
      endInTime();
    });
    const serving = await startServing(config, logger, verifyEngine).catch((error: unknown) => {
      // A signal to the whole process group also ends an embedded ClickHouse that is just starting: no failure of its own.
      if (!asked) throw error;
      logger.info({ reason: String(error) }, 'stopped before it was ready');
      return undefined;
    });
    if (serving === undefined) return exitCodes.fine;
    const { http, clickhouse, metrics } = serving.endpoints;
    const door = http === '' ? `as ${config.roles}` : `${http} (docs at ${http}/docs)`;
    say(`ready: ${door}, ClickHouse ${clickhouse ?? 'off'}, metrics ${metrics}/metrics`);
    // A log of its own has nobody else who could go on: there it stays, and says why.
    const { running: { log }, failed } = serving, reason = await Promise.race([signal, ...(log.shared ? [failed] : [])]), hasFailed = reason instanceof Error;
    if (hasFailed && !asked) {
      logger.error('ending, so that other engines take the partitions and whoever watches over this one starts it again');
      endInTime();
    } else logger.info({ signal: reason }, 'stopping');
    await serving.stop();
    return hasFailed ? exitCodes.failed : exitCodes.fine;
  },
};
