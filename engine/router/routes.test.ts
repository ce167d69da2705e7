import t from 'tap';
import { readRoutes } from './routes.js';

t.test('partners by topic', async (t) => {
  t.same([...readRoutes('', 'p-')], []);
  t.same([...readRoutes(' grocer=sales , grocer = returns,fuel & co=fuel.v2', 'p-')], [['sales', 'grocer'], ['returns', 'grocer'], ['fuel.v2', 'fuel & co']]);
  t.same([...readRoutes('a=b=c', '')], [['c', 'a=b']], 'a name of a topic has no "="');
});

t.test('what is refused', async (t) => {
  const refused = (text: string, message: RegExp, prefix = 'p-'): void => void t.throws(() => readRoutes(text, prefix), { message });
  refused('sales', /"sales" is not PARTNER=TOPIC/);
  refused('=sales', /"=sales" is not PARTNER=TOPIC/);
  refused('grocer=', /"" is no name of a topic/);
  refused('grocer=sa les', /"sa les" is no name of a topic/);
  refused('grocer=sales,fuel=sales', /sales is there twice; a topic has one partner/);
  refused('grocer=p-commands', /p-commands is the engine's own/);
  for (const own of ['commands', 'commands-internal', 'control', 'dead-letters']) refused(`grocer=${own}`, new RegExp(`${own} is the engine's own`), '');
});
