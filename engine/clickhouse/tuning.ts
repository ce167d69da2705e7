/** Sizes of the embedded ClickHouse: few threads and small caches, since it shares the machine with the engine. */

/** Queries at a time, and how many may wait for them. The sink's inserts never wait for a query of anybody else. */
export const lanes = {
  insert: { slots: 2, waitingMax: 64 },
  engine: { slots: 2, waitingMax: 64 },
  readers: { slots: 4, waitingMax: 100 },
  kill: { slots: 1, waitingMax: 100 },
};
/** Threads for queries, each of which keeps one busy, and for files. */
export const WORKER_THREADS = Object.values(lanes).reduce((sum, { slots }) => sum + slots, 4);

/** `memoryBytesMax`: of the process, anonymous. Some is for this program itself and for what the library doesn't count. */
export function serverSettings(memoryBytesMax: number): string[] {
  return Object.entries({
    max_server_memory_usage: Math.floor(memoryBytesMax * 0.8),
    mark_cache_size: 16 * 2 ** 20,
    index_mark_cache_size: 2 ** 20,
    uncompressed_cache_size: 0,
    mmap_cache_size: 0,
    background_pool_size: 2,
    background_merges_mutations_concurrency_ratio: 1,
    background_move_pool_size: 1,
    background_fetches_pool_size: 1,
    background_common_pool_size: 2,
    background_schedule_pool_size: 2,
    max_thread_pool_free_size: 8,
  }).map(([name, value]) => `--${name}=${value}`);
}

export function sessionSettings(memoryBytesMax: number, cores: number): { engine: [string, string][]; readers: [string, string][] } {
  const all: [string, string][] = [
    // As a server does, unlike the library's own defaults.
    ['implicit_select', '0'],
    ['allow_introspection_functions', '0'],
    // What doesn't fit goes to disk.
    ['max_bytes_before_external_group_by', String(Math.floor(memoryBytesMax * 0.12))],
    ['max_bytes_before_external_sort', String(Math.floor(memoryBytesMax * 0.12))],
  ];
  return {
    engine: all,
    readers: [...all,
      ['max_memory_usage', String(Math.floor(memoryBytesMax * 0.35))],
      ['max_execution_time', '120'],
      ['max_threads', String(Math.max(1, Math.min(4, cores)))],
    ],
  };
}

/** Data of an INSERT: what the sink sends fits into memory, and so do some of them at a time. */
export function spoolLimits(memoryBytesMax: number): { fastBytesMax: number; bytesMax: number } {
  return { fastBytesMax: Math.floor(memoryBytesMax / 16), bytesMax: 2 ** 33 };
}
