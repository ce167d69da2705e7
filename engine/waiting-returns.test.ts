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
    locate: (purchases) => new Promise((resolve) => {
      looked.push(...purchases.map(({ id }) => id));
      unanswered.push(() => resolve(purchases.map(({ id }) => places[id])));
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

t.test('many are looked for at once, those that were not looked for yet first, and told at once', async (t) => {
  const asked: string[][] = [], appended: number[] = [], come = new Set<string>();
  const locator = new WaitingReturnsLocator({
    locate: async (purchases) => {
      asked.push(purchases.map(({ id }) => id));
      return purchases.map(({ id }) => (come.has(id) ? 3 : undefined));
    },
    append: async (records) => appended.push(records.length),
    logger: pino({ level: 'silent' }),
  });
  const ids = (letter: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${letter}${i}`);
  const wait = (list: string[]): void => locator.change(0, [], list.map((id) => ({ ...notice(id), key: `shop\nreturn of ${id}` })));
  const round = async (): Promise<{ asked: number[]; first: string; appended: number[] }> => {
    await locator.lookForAll();
    const lists = asked.splice(0);
    return { asked: lists.map(({ length }) => length), first: lists[0]![0]!, appended: appended.splice(0) };
  };
  wait(ids('old', 1200));
  t.same(await round(), { asked: [500, 500, 200], first: 'old0', appended: [] }, 'each once');
  t.same(await round(), { asked: [500], first: 'old0', appended: [] }, 'then some of them in turn');
  t.same(await round(), { asked: [500], first: 'old500', appended: [] });
  wait(ids('new', 700));
  for (const id of ids('new', 700)) come.add(id);
  t.same(await round(), { asked: [500, 200, 500], first: 'new0', appended: [500, 200] });
  t.equal(locator.size, 1200);
  for (const id of ids('old', 1200)) come.add(id);
  const last = await round();
  t.same([last.asked, last.appended], [[500, 500, 200], [500, 500, 200]], 'and more of them as long as some are found');
  t.equal(locator.size, 0);
});
