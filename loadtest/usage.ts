/**
 * What processes use, from /proc: memory of a process (this one) and its descendants sampled while something runs, CPU seconds of a child, or of a process with its descendants. On systems without
 * /proc that is the memory of this process, and no CPU seconds.
 */
import { readdirSync, readFileSync } from 'node:fs';

const SAMPLE_MS = 100, KIB = 1024;
/** Clock ticks a second of /proc/PID/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Memory { /** Anonymous and shared pages. */ ownBytes: number; /** Pages of mapped files: the system takes them back when it needs them. */ fileBytes: number }

/** Peak memory of a process and its descendants since it was made. */
export class MemorySampler {
  readonly peak: Memory = { ownBytes: 0, fileBytes: 0 };
  private readonly hasProc = process.platform === 'linux';
  private readonly timer = setInterval(() => this.sample(), SAMPLE_MS).unref();

  constructor(private readonly pid = process.pid) {}
  stop(): Memory {
    this.sample();
    clearInterval(this.timer);
    return this.peak;
  }
  private sample(): void {
    const now: Memory = { ownBytes: 0, fileBytes: 0 };
    if (!this.hasProc) now.ownBytes = process.memoryUsage().rss;
    else for (const pid of family(this.pid)) addMemory(now, pid);
    this.peak.ownBytes = Math.max(this.peak.ownBytes, now.ownBytes);
    this.peak.fileBytes = Math.max(this.peak.fileBytes, now.fileBytes);
  }
}

/** CPU seconds that a process used since it began; 0 when that can't be known. */
export function cpuSecondsOf(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return 0;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Of a process and its descendants that live. */
export function cpuSecondsOfFamily(pid: number): number {
  return family(pid).reduce((sum, member) => sum + cpuSecondsOf(member), 0);
}

function family(pid: number): number[] {
  const children: number[] = [];
  for (const task of list(`/proc/${pid}/task`)) {
    for (const child of (read(`/proc/${pid}/task/${task}/children`) ?? '').split(' ')) if (child.trim() !== '') children.push(Number(child));
  }
  return [pid, ...children.flatMap(family)];
}

function addMemory(memory: Memory, pid: number): void {
  const status = read(`/proc/${pid}/status`) ?? '';
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * KIB;
  memory.ownBytes += bytes('RssAnon') + bytes('RssShmem');
  memory.fileBytes += bytes('RssFile');
}

/** Undefined when the process has ended meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
