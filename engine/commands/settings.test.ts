/** The flags of commands that start engines: each that help lists is honoured. */
import { Command } from 'commander';
import t from 'tap';
import { commandsOf } from './index.js';

const commandOf = async (name: string): Promise<Command> => {
  const [definition] = await commandsOf(name.split(' ')), command = new Command(name);
  definition!.configure?.(command);
  return command;
};

t.test('what a load test decides itself is not listed as a flag, and help says so', async (t) => {
  const ports = ['--port', '--clickhouse-port', '--metrics-port'], cases: [name: string, decided: string[], honoured: string[]][] = [
    ['loadtest drain', ports, ['--data', '--clickhouse', '--kafka']], ['loadtest http', ['--data', ...ports], ['--clickhouse', '--kafka']],
    ['loadtest takeover', ['--data', '--clickhouse', ...ports], ['--kafka']], ['loadtest chaos', ['--data', ...ports], ['--clickhouse', '--kafka']], ['serve', [], ['--data', ...ports]],
  ];
  for (const [name, decided, honoured] of cases) {
    const command = await commandOf(name), listed = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long);
    t.same(decided.filter((flag) => listed.includes(flag)), [], name);
    t.same(honoured.filter((flag) => !listed.includes(flag)), [], name);
    let help = '';
    command.configureOutput({ writeOut: (text) => { help += text; } }).outputHelp();
    t.equal(/This command decides itself, whatever these say: .*Port\b/.test(help), decided.length > 0, name);
  }
});
