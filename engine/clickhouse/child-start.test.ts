/** A process that is gone before it has been told anything, as by a signal to the whole process group. Its place is taken by one that hangs up by itself, so chdb is not needed. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { createLogger } from '../logger.js';
import { startEmbeddedClickHouse } from './child.js';

t.test('a process that ends before it is told to start is one that did not start, for the reason that ended it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-clickhouse-')), hungUp = join(directory, 'hung-up');
  const { NODE_OPTIONS } = process.env, words = new PassThrough();
  // Once its end of the channel is closed it says so, and ends.
  const hangUp = `import { writeFileSync } from 'node:fs'; process.disconnect(); setImmediate(() => { writeFileSync(${JSON.stringify(hungUp)}, ''); process.kill(process.pid, 'SIGKILL'); }); await new Promise(() => 0)`;
  process.env.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(hangUp)}`;
  // The start is one piece: between fork and the first message it says what is to be done at the end of this process, and there this waits.
  const wait = (event: string | symbol): void => { while (event === 'exit' && !existsSync(hungUp)); };
  (process as NodeJS.EventEmitter).on('newListener', wait);
  t.teardown(() => {
    (process as NodeJS.EventEmitter).off('newListener', wait);
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = NODE_OPTIONS;
    rmSync(directory, { recursive: true });
  });
  const started = startEmbeddedClickHouse({ directory, port: 0, host: '127.0.0.1', memoryBytesMax: 500 * 2 ** 20, access: 'readonly', logger: createLogger('warn', words) });
  await t.rejects(started, { message: 'the embedded ClickHouse does not start: SIGKILL' });
  t.equal(words.read(), null, 'nothing is logged: who starts it says what became of it');
});
