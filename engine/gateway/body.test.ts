import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { readBeginning, readChunks } from './body.js';

const bounds = { bodyBytesMax: 1 << 30, bodyIdleMsMax: 60_000 };

t.test('the beginning of a body is looked at once and not copied, however many blanks it begins with', async (t) => {
  const given = [...Array.from({ length: 5000 }, () => Buffer.alloc(100, ' ')), Buffer.from('  {'), Buffer.from('}')];
  let looked = 0, inOrder = true;
  const chunks = async function* (): AsyncGenerator<Buffer> { yield* given; };
  const find = (chunk: Uint8Array, offset: number): number => {
    inOrder &&= offset === looked;
    looked += chunk.length;
    return chunk.find((byte) => byte !== 0x20) ?? -1;
  };
  const rest = chunks(), { first, beginning } = await readBeginning(rest, find);
  t.equal(first, 0x7b);
  t.ok(inOrder);
  t.equal(looked, 500_003, 'each byte once');
  t.ok(beginning.every((chunk, place) => chunk === given[place]), 'the chunks as they came');
  t.same((await rest.next()).value, Buffer.from('}'), 'and no chunk more');
  t.same(await readBeginning(chunks(), () => -1), { first: -1, beginning: given });
});

t.test('decompression ends with the chunk that passes the bound', async (t) => {
  let seen = 0, largest = 0;
  const read = async (request: IncomingMessage): Promise<void> => {
    const count = (bytes: number): void => { largest = Math.max(largest, bytes); };
    for await (const chunk of readChunks(request, { ...bounds, bodyBytesMax: 100_000 }, count)) seen += chunk.length;
  };
  const { done } = await post(t, gzipSync(Buffer.alloc(16 << 20, ' ')), read);
  t.match(await done, { code: 'body-too-large', status: 413 });
  t.ok(seen <= 100_000 && seen + largest > 100_000, `${seen} bytes were read`);
});

t.test('a sender that leaves after its last byte ends the decompression', async (t) => {
  let seen = 0;
  const bytes = 16 << 20;
  const { done } = await post(t, gzipSync(Buffer.alloc(bytes, ' ')), async (request, socket) => {
    for await (const chunk of readChunks(request, bounds)) {
      if (seen === 0) {
        socket.destroy();
        await once(request.socket, 'close');
      }
      seen += chunk.length;
    }
  });
  t.match(await done, { message: /the sender left/ });
  t.ok(seen < bytes / 2, `${seen} bytes were read`);
});

t.test('what a reader leaves of a compressed body can be read away', async (t) => {
  const { done } = await post(t, gzipSync(randomBytes(4 << 20)), async (request) => {
    for await (const _ of readChunks(request, bounds)) break;
    request.resume();
    await once(request, 'end');
  });
  t.equal(await done, undefined);
});

/** Sends the bytes with gzip as their encoding; `done`: what `read` threw. */
async function post(t: Test, bytes: Buffer, read: (request: IncomingMessage, sender: Socket) => Promise<void>): Promise<{ done: Promise<unknown> }> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const sender = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => {
    sender.destroy();
    server.close();
  });
  sender.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: ${bytes.length}\r\n\r\n`);
  sender.write(bytes);
  const [request] = await once(server, 'request') as [IncomingMessage];
  return { done: read(request, sender).then(() => undefined, (error: unknown) => error) };
}
