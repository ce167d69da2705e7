import t from 'tap';
import { commandsOf } from './index.js';

const namesOf = async (...argv: string[]): Promise<string[]> => (await commandsOf(argv)).map(({ name }) => name);

t.test('a command line loads the command that it begins with, and all where it begins with none', async (t) => {
  const all = await namesOf();
  t.ok(all.length > 10);
  for (const name of all) for (const more of [[], ['--help', 'serve']]) t.same(await namesOf(...name.split(' '), ...more), [name], name);
  for (const argv of [['--help'], ['loadtest'], ['loadtest', 'drian'], ['sevre'], ['constructor'], ['--json', 'serve'], ['']]) t.same(await namesOf(...argv), all, argv.join(' '));
});
