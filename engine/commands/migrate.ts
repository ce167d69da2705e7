/** `migrate`: makes the tables of a ClickHouse server, or brings them to the newest step (schemas/clickhouse/migrations.ts). */
import { migrate as bringUp, migrations, pendingMigrations, type Migration } from '../../schemas/clickhouse/migrations.js';
import { atServer, serverEndpoint, type Endpoint } from '../clickhouse-endpoint.js';
import { isServer, type Config } from '../config.js';
import { adoptHome } from '../facts-home.js';
import { openLog } from '../log/open.js';
import { CommandError, exitCodes, print, printJson, say, type CommandDefinition, type ExitCode } from './command.js';
import { expectLog } from './expect-log.js';
import { addSettings, loadConfig } from './settings.js';

export const migrate: CommandDefinition = {
  name: 'migrate',
  summary: 'Make the tables of a ClickHouse server, or bring them to the newest step; before the engine, also while it runs',
  examples: ['pointstream migrate --clickhouse http://127.0.0.1:8123', 'pointstream migrate --clickhouse https://clickhouse:8443 --clickhouse-cluster main   # replicated tables',
    'pointstream migrate --clickhouse http://127.0.0.1:8123 --check   # what is missing; exit code 1 when something is',
    'pointstream migrate --data ./data --clickhouse http://127.0.0.1:8123 --adopt   # facts were elsewhere and go there from now on; while no engine runs'],
  configure(command) {
    addSettings(command);
    command.option('--check', 'say what is missing, and change nothing');
    command.option('--adopt', 'facts of the installation go there from now on, wherever they were; what was delivered stays').option('--json', 'steps as JSON');
  },
  async run(options): Promise<ExitCode> {
    const config = await loadConfig(options);
    const isCheck = options.check === true, adopts = options.adopt === true;
    if (isCheck && adopts) throw new CommandError(exitCodes.usage, '--check changes nothing, and --adopt does');
    if (adopts) await expectLog(config, 'adopt');
    if (adopts && config.clickhouse === 'embedded') {
      await adopt(config);
      return exitCodes.fine;
    }
    if (!isServer(config.clickhouse)) {
      throw new CommandError(exitCodes.usage, `clickhouse is ${config.clickhouse}: say which server, --clickhouse URL (the embedded one is migrated by the engine itself)`);
    }
    const endpoint = serverEndpoint(config), steps = await atServer<Migration[]>(endpoint, isCheck ? pendingMigrations : bringUp);
    if (adopts) await adopt(config, endpoint);
    if (options.json === true) printJson({ database: endpoint.database, [isCheck ? 'missing' : 'done']: steps.map(({ number, name }) => ({ number, name })), newest: migrations.at(-1)!.number });
    else {
      for (const { number, name } of steps) print(`${isCheck ? 'missing' : 'done   '}  ${String(number).padStart(3, '0')} ${name}`);
      if (steps.length === 0) print(`database ${endpoint.database} is at the newest step, ${migrations.at(-1)!.number}`);
    }
    return isCheck && steps.length > 0 ? exitCodes.failed : exitCodes.fine;
  },
};

/** Without an endpoint: the embedded ClickHouse, of which is known what it is when it runs. */
async function adopt(config: Config, endpoint?: Endpoint): Promise<void> {
  const log = await openLog({ ...config, roles: 'gateway' });
  try {
    await adoptHome(log, endpoint);
  } finally {
    await log.close();
  }
  say(`facts go to ${endpoint ? `database ${endpoint.database} at ${endpoint.url}` : 'the embedded ClickHouse'} from now on; what was delivered before stays where it is`);
}
