/**
 * The ends of chaos that may go away: a Kafka broker and an embedded ClickHouse of its own, which all engines share as if it were a server. Each is killed (-9) for a while and started again
 * on what it had, while everything else goes on. Whoever names a broker or a server keeps it: those are somebody's, and nobody takes them away.
 *
 * Promises: `settled` resolves when both are there again; `lost` rejects as soon as one does not come back; `close` leaves nothing behind.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from '../engine/clickhouse/child.js';
import type { Config } from '../engine/config.js';
import type { Logger } from '../engine/logger.js';
import { fetchBroker, KafkaBroker } from './kafka-broker.js';

export type EndName = 'broker' | 'clickhouse';

export class Ends {
  private broker: KafkaBroker | undefined;
  private clickHouse: EmbeddedClickHouse | undefined;
  private readonly away = new Map<EndName, Promise<void>>();
  private lose!: (error: unknown) => void;
  /** Without it everybody would wait for it for ever. */
  readonly lost = new Promise<never>((_, reject) => { this.lose = reject; });

  private constructor(private readonly directory: string, /** With where they are. */ public config: Config) {
    this.lost.catch(() => undefined); // heard where it is awaited
  }

  static async open(config: Config, logger: Logger): Promise<Ends> {
    const ends = new Ends(await mkdtemp(join(tmpdir(), 'pointstream-chaos-ends-')), config);
    try {
      if (config.kafka === '') {
        fetchBroker();
        ends.broker = await KafkaBroker.launch();
        ends.config = { ...ends.config, kafka: ends.broker.address };
      }
      if (config.clickhouse === 'embedded') {
        const { host, clickhouseMemoryBytesMax: memoryBytesMax, clickhouseAccess: access } = config;
        ends.clickHouse = await startEmbeddedClickHouse({ directory: ends.directory, port: 0, host, memoryBytesMax, access, logger });
        const { url: clickhouse, engineUser: clickhouseUser, enginePassword: clickhousePassword } = ends.clickHouse;
        ends.config = { ...ends.config, clickhouse, clickhouseUser, clickhousePassword };
      }
      return ends;
    } catch (error) {
      await ends.close();
      throw error;
    }
  }
  /** Those that may be taken away. */
  get names(): EndName[] {
    return [...(this.broker ? ['broker' as const] : []), ...(this.clickHouse ? ['clickhouse' as const] : [])];
  }
  /** Kills it now and starts it again later, unless it is away already. */
  takeAway(name: EndName, milliseconds: number): void {
    if (this.away.has(name)) return;
    const gone = (name === 'broker' ? this.restartBroker(milliseconds) : this.restartClickHouse(milliseconds)).catch(this.lose);
    this.away.set(name, gone.then(() => void this.away.delete(name)));
  }
  /** Throws when one did not come back. */
  async settled(): Promise<void> {
    await Promise.all(this.away.values());
    await Promise.race([this.lost, Promise.resolve()]);
  }
  async close(): Promise<void> {
    await Promise.all(this.away.values());
    await this.clickHouse?.stop();
    await this.broker?.end();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  private async restartBroker(milliseconds: number): Promise<void> {
    await this.broker!.kill();
    await pause(milliseconds);
    await this.broker!.run();
  }
  private async restartClickHouse(milliseconds: number): Promise<void> {
    process.kill(this.clickHouse!.pid, 'SIGKILL');
    await pause(milliseconds);
    await this.clickHouse!.restart();
  }
}
