/**
 * libchdb, the ClickHouse engine as a library: one data directory per process, connections that are independent of one another.
 *
 * Promises: a connection is closed only when nothing runs on it (the library crashes otherwise). Never waits for other connections: chdb's own Session puts off every close
 * while any query of the process runs, so that a long query would pile up connections; therefore its native functions are called directly (the version is pinned).
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { HOW_TO_GET_CHDB } from './installed.js';

export interface LibraryResult {
  bytes: Uint8Array;
  /** Seconds. */
  elapsed: number;
  rowsRead: number;
  bytesRead: number;
}

type Handle = object;
interface Native {
  CreateConnection(directory: string, serverSettings?: string[]): Handle;
  QueryAsyncConnection(connection: Handle, sql: string, format: string): Promise<LibraryResult>;
  CloseConnection(connection: Handle): void;
}

export class Library {
  private readonly native: Native;
  /** Open as long as the engine lives. */
  readonly main: Connection;

  /** Throws when chdb is not installed here, or the directory is in use. `serverSettings` in the form `--name=value`. */
  constructor(private readonly directory: string, serverSettings: string[]) {
    this.native = loadNative();
    this.main = new Connection(this.native, this.native.CreateConnection(directory, serverSettings));
  }
  connect(): Connection {
    return new Connection(this.native, this.native.CreateConnection(this.directory));
  }
}

/** Settings, parameters and the current database belong to it; one query at a time. */
export class Connection {
  private running: Promise<unknown> = Promise.resolve();

  constructor(private readonly native: Native, private readonly handle: Handle) {}

  query(sql: string, format = 'TabSeparated'): Promise<LibraryResult> {
    const result = this.running.then(() => this.native.QueryAsyncConnection(this.handle, sql, format));
    this.running = result.catch(() => undefined);
    return result;
  }
  async close(): Promise<void> {
    await this.running;
    this.native.CloseConnection(this.handle);
  }
}

/** Throws when it is missing, or is there and can't be loaded (ELIBACC: said as what it is, not as a bug). */
export function loadNative(): Native {
  const require = createRequire(import.meta.url);
  try {
    return (require(join(dirname(require.resolve('chdb/package.json')), 'dist/loader.js')) as { loadNative(): Native }).loadNative();
  } catch (error) {
    throw Object.assign(new Error(`chdb cannot be loaded: ${(error as Error).message.split('\n')[0]}; ${HOW_TO_GET_CHDB}`), { code: 'ELIBACC' });
  }
}
