/** Who waits, who is looked for, and who is forgotten. */
import t from 'tap';
import { pino } from 'pino';
import { readCommand } from '../schemas/commands.js';
import type { WaitingNotice } from '../workers/state/waiting.js';
import { WaitingReturnsLocator } from './waiting-returns.js';

const KEY = 'shop\nr1';
const notice = (originalId: string, request = 0): WaitingNotice => ({ key: KEY, partner: 'shop', originalId, untilMs: 1, request });

/** `places`: where purchases are, by id; a look is answered when the test says so. */
function locatorOf(places: Record<string, number>): { locator: WaitingReturnsLocator; looked: string[]; told: string[]; answer(): Promise<void> } {
  const looked: string[] = [], told: string[] = [], unanswered: (() => void)[] = [];
  const locator = new WaitingReturnsLocator({
    find: (_, id) => new Promise((resolve) => {
      looked.push(id);
      unanswered.push(() => resolve(id in places ? [{ partition: places[id]! }] : []));
    }),
    append: async (records) => records.forEach(({ partition, value }) => {
      const command = readCommand(value);
      told.push(`${partition}: ${command.type === 'return-located' ? `${command.key.replace('\n', ' ')} to ${command.partition}` : command.type}`);
    }),
    logger: pino({ level: 'silent' }),
  });
  return { locator, looked, told, answer: async () => { for (const answer of unanswered.splice(0)) answer(); await new Promise(setImmediate); } };
}

t.test('one ends and another one of the same id takes its place, while the purchase of the first is looked for', async (t) => {
  for (const there of [false, true]) {
    const { locator, looked, told, answer } = locatorOf({ p2: 2, ...(there ? { p1: 1 } : {}) });
    locator.change(0, [], [notice('p1')]);
    const round = locator.lookForAll();
    locator.change(0, [KEY], []);
    locator.change(0, [], [notice('p2')]);
    await answer();
    await round;
    t.equal(locator.size, 1, 'the second one still waits');
    t.same(told, [], 'and goes nowhere because of the first');
    const next = locator.lookForAll();
    await answer();
    await next;
    t.same(looked, ['p1', 'p2']);
    t.same(told, ['0: shop r1 to 2']);
    t.equal(locator.size, 0);
  }
});

t.test('they are looked for until the partition says that they have ended, or is looked after elsewhere', async (t) => {
  const { locator, looked, told, answer } = locatorOf({});
  locator.change(0, [], [notice('p1', 7)]);
  locator.change(1, [], [notice('p1'), { ...notice('p3'), key: 'shop\nr3' }]);
  const asked = locator.lookForRequest(7);
  await answer();
  t.equal(await asked, false);
  t.equal(await locator.lookForRequest(8), false);
  for (let waiting = 3; waiting > 0; waiting--) {
    t.equal(locator.size, waiting);
    const round = locator.lookForAll();
    for (let i = 0; i < waiting; i++) await answer();
    await round;
    if (waiting === 3) locator.change(1, [KEY], []);
    if (waiting === 2) locator.leave(1);
  }
  t.equal(locator.size, 1);
  t.same(looked.length, 1 + 3 + 2 + 1);
  t.same(told, []);
});
