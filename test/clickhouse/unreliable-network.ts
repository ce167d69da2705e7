/** A network between the sink and a server that loses things: connections are refused, or what the server answers never arrives. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

export class UnreliableNetwork {
  /** Connections end as soon as something is sent. */
  isAway = false;
  /** So many answers are lost, after the server has done what it was asked. */
  answersToLose = 0;
  lost = 0;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.join(client));
  private readonly target: URL;

  constructor(target: string) {
    this.target = new URL(target);
  }
  /** The address to ask instead of the server's. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname.replace(/^\[|\]$/g, ''));
    const end = (): void => {
      for (const socket of [client, server]) {
        socket.destroy();
        this.sockets.delete(socket);
      }
    };
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.on('data', (bytes) => (this.isAway ? end() : server.write(bytes)));
    server.on('data', (bytes) => {
      if (this.answersToLose === 0) {
        client.write(bytes);
        return;
      }
      this.answersToLose--;
      this.lost++;
      end();
    });
  }
}
