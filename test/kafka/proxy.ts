/**
 * Stands between clients and a broker and loses what a test wants lost: the answer to the next request of a kind, with the connection, as a network does at a bad moment. The request itself
 * gets through. Or it holds requests of a kind back.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Keys of requests (https://kafka.apache.org/protocol#protocol_api_keys). */
export const PRODUCE = 0, HEARTBEAT = 12, END_TRANSACTION = 26, OFFSETS_OF_TRANSACTION = 28;

export class Proxy {
  private losing: { key: number; done(): void } | undefined;
  private readonly sockets = new Set<Socket>();
  private holding: { key: number; then: number; done(): void } | undefined;
  private readonly held: (() => void)[] = [];

  private constructor(private readonly target: number) {}

  /** On a port of its own; `target` is the broker's. */
  static async start(t: { teardown(end: () => Promise<void>): void }, port: number, target: number): Promise<Proxy> {
    const server = createServer(), proxy = new Proxy(target);
    server.on('connection', (client) => proxy.join(client));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(async () => {
      for (const socket of proxy.sockets) socket.destroy();
      server.close();
    });
    return proxy;
  }
  /** Resolves when an answer has been lost. */
  loseAnswer(key: number): Promise<void> {
    return new Promise((resolve) => { this.losing = { key, done: resolve }; });
  }

  /** From now on requests of a kind wait, with what comes behind them. Resolves when one does and a request of another kind has been answered since. */
  hold(key: number, then: number): Promise<void> {
    return new Promise((resolve) => { this.holding = { key, then, done: resolve }; });
  }
  release(): void {
    this.holding = undefined;
    for (const send of this.held.splice(0)) send();
  }

  private join(client: Socket): void {
    const broker = connect(this.target, '127.0.0.1');
    let pending = Buffer.alloc(0), losing: { done(): void } | undefined, isHeld = false, tells = false;
    const end = (): void => {
      client.destroy();
      broker.destroy();
    };
    for (const socket of [client, broker]) {
      this.sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      for (; pending.length >= 6 && pending.length >= 4 + pending.readInt32BE(0); pending = pending.subarray(4 + pending.readInt32BE(0))) {
        const key = pending.readInt16BE(4);
        if (this.holding?.key === key) isHeld = true;
        if (this.holding?.then === key && this.held.length > 0) tells = true;
        if (this.losing?.key !== key) continue;
        losing = this.losing;
        this.losing = undefined;
      }
      if (!isHeld) return void broker.write(bytes);
      this.held.push(() => {
        isHeld = false;
        broker.write(bytes);
      });
    });
    broker.on('data', (bytes: Buffer) => {
      if (tells) this.holding?.done();
      tells = false;
      if (!losing) return void client.write(bytes);
      losing.done();
      end();
    });
  }
}
