/** `migrate`: makes the tables of a ClickHouse server, or brings them to the newest step (schemas/clickhouse/migrations.ts). */
import { migrate as bringUp, migrations, pendingMigrations, type Migration } from '../../schemas/clickhouse/migrations.js';
import { atServer, serverEndpoint } from '../clickhouse-endpoint.js';
import { isServer } from '../config.js';
import { CommandError, exitCodes, print, printJson, type CommandDefinition, type ExitCode } from './command.js';
import { addSettings, loadConfig } from './settings.js';

export const migrate: CommandDefinition = {
  name: 'migrate',
  summary: 'Make the tables of a ClickHouse server, or bring them to the newest step; before the engine, also while it runs',
  examples: ['pointstream migrate --clickhouse http://127.0.0.1:8123', 'pointstream migrate --clickhouse https://clickhouse:8443 --clickhouse-cluster main   # replicated tables',
    'pointstream migrate --clickhouse http://127.0.0.1:8123 --check   # what is missing; exit code 1 when something is'],
  configure(command) {
    addSettings(command);
    command.option('--check', 'say what is missing, and change nothing').option('--json', 'steps as JSON');
  },
  async run(options): Promise<ExitCode> {
    const config = await loadConfig(options);
    if (!isServer(config.clickhouse)) {
      throw new CommandError(exitCodes.usage, `clickhouse is ${config.clickhouse}: say which server, --clickhouse URL (the embedded one is migrated by the engine itself)`);
    }
    const endpoint = serverEndpoint(config), isCheck = options.check === true;
    const steps = await atServer<Migration[]>(endpoint, isCheck ? pendingMigrations : bringUp);
    if (options.json === true) printJson({ database: endpoint.database, [isCheck ? 'missing' : 'done']: steps.map(({ number, name }) => ({ number, name })), newest: migrations.at(-1)!.number });
    else {
      for (const { number, name } of steps) print(`${isCheck ? 'missing' : 'done   '}  ${String(number).padStart(3, '0')} ${name}`);
      if (steps.length === 0) print(`database ${endpoint.database} is at the newest step, ${migrations.at(-1)!.number}`);
    }
    return isCheck && steps.length > 0 ? exitCodes.failed : exitCodes.fine;
  },
};
