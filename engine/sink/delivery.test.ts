/** Every case of delivery.ts. */
import t from 'tap';
import { readIntent, verdict, writeIntent } from './delivery.js';

t.test('what is done with a range', async (t) => {
  t.equal(verdict(10, undefined), 'insert', 'the first attempt');
  t.equal(verdict(10, 0), 'insert', 'nothing of it is there');
  t.equal(verdict(10, 10), 'skip', 'all of it is there');
  t.equal(verdict(10, 3), 'refuse', 'a part is there');
  t.equal(verdict(10, 20), 'refuse', 'it is there twice');
  t.equal(verdict(0, undefined), 'skip', 'it has no rows');
  t.equal(verdict(0, 0), 'skip');
});

t.test('an intent is read back equal', async (t) => {
  const intent = { from: 3, to: 2 ** 53 - 1, token: '7.3.9.abc', done: false, pieces: [{ partition: 2, from: 0, to: 5 }, { partition: 7, from: 3, to: 2 ** 53 - 1 }] };
  t.same(readIntent(writeIntent(intent), 7), intent);
  const alone = [{ partition: 7, from: 3, to: 2 ** 53 - 1 }];
  t.same(readIntent(writeIntent({ ...intent, done: true }), 7), { ...intent, done: true, pieces: alone });
  t.same(readIntent(Buffer.from('{"from":1,"to":4,"token":"4.1.4.abc","done":false}'), 4), { from: 1, to: 4, token: '4.1.4.abc', done: false, pieces: [{ partition: 4, from: 1, to: 4 }] }, 'of an older version');
});
