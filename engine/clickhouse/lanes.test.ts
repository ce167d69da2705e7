import t from 'tap';
import { Lane } from './lanes.js';
import { remember, Sessions } from './sessions.js';
import { readStatement } from './statement.js';

t.test('turns come in order, and the queue is bounded', async (t) => {
  const lane = new Lane('test', ['pipe'], 2), never = new AbortController().signal, order: string[] = [];
  const slot = await lane.enter(never);
  const waiting = ['first', 'second'].map((name) => lane.enter(never).then((next) => { order.push(name); lane.leave(next); }));
  await t.rejects(lane.enter(never), /TOO_MANY_SIMULTANEOUS_QUERIES/);
  t.same(order, []);
  lane.leave(slot);
  await Promise.all(waiting);
  t.same(order, ['first', 'second']);
  t.same(await lane.enter(never), { pipe: 'pipe' }, 'the pipe is back');
});

t.test('who goes away loses its place', async (t) => {
  const lane = new Lane('test', ['pipe'], 2), gone = new AbortController(), never = new AbortController().signal;
  const slot = await lane.enter(never), left = lane.enter(gone.signal), stays = lane.enter(never);
  gone.abort();
  await t.rejects(left, /QUERY_WAS_CANCELLED/);
  lane.leave(slot);
  t.equal(await stays, slot);
  await t.rejects(lane.enter(gone.signal), /QUERY_WAS_CANCELLED/, 'who was gone before');
});

t.test('a session has one query at a time, and ends', (t) => {
  const sessions = new Sessions(), asked = { id: 'a', timeoutMs: 1000, mustExist: false };
  const session = sessions.enter('default', asked, 0);
  t.throws(() => sessions.enter('default', asked, 0), /SESSION_IS_LOCKED/);
  t.not(sessions.enter('engine', asked, 0), session, 'of another user');
  remember(session, readStatement('SET a = 1'));
  t.equal(session.database, undefined);
  remember(session, readStatement('USE `b` -- x'));
  t.equal(session.database, 'b');
  sessions.leave(session, 1000, 0);
  t.same(sessions.enter('default', { ...asked, mustExist: true }, 900).statements, ['SET a = 1', 'USE `b` -- x']);
  sessions.leave(session, 1000, 900);
  t.throws(() => sessions.enter('default', { ...asked, mustExist: true }, 1901), /SESSION_NOT_FOUND/);
  t.end();
});
