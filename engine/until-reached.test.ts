import t from 'tap';
import { LogError } from './log/log.js';
import { untilReached } from './until-reached.js';

t.test('again while the log can not be reached, and no longer', async (t) => {
  const failures = [new LogError('unavailable', 'away'), new LogError('unavailable', 'still away')];
  t.equal(await untilReached(async () => {
    const failure = failures.shift();
    if (failure) throw failure;
    return 'there';
  }), 'there');
  await t.rejects(untilReached(() => Promise.reject(new LogError('closed', 'the log is closed'))), { code: 'closed' });
  await t.rejects(untilReached(() => Promise.reject(new Error('a bug'))), /a bug/);
});
