/** A stage that only writes down what a history does to it: the script of a simulation's clients. */
import type { Append } from '../../engine/log/log.js';
import type { AccountView } from '../../engine/engine.js';
import type { Publication, ReferenceStore } from '../../engine/reference.js';
import { writeCommand, type EngineCommand } from '../../schemas/commands.js';
import type { TransactionDocument } from '../../schemas/transaction.js';
import { partitionOf } from '../../workers/hash.js';
import type { Stage } from './history.js';

/** `afterMs`: how far time has passed since the step before. */
export type Step = { afterMs: number } & (
  | { do: 'post'; documents: TransactionDocument[] }
  | { do: 'publish'; change: (store: ReferenceStore) => Publication }
  | { do: 'append'; records: Append[] }
);

export class Recorder implements Stage {
  readonly steps: Step[] = [];
  private lastMs: number;

  constructor(readonly partitions: number, public nowMs: number) {
    this.lastMs = nowMs;
  }
  post(documents: TransactionDocument[]): void {
    this.note({ do: 'post', documents });
  }
  publish(change: (store: ReferenceStore) => Publication): void {
    this.note({ do: 'publish', change });
  }
  append(records: Append[]): void {
    this.note({ do: 'append', records });
  }
  command(partition: number, command: EngineCommand): void {
    this.append([{ topic: 'internal', partition, value: writeCommand(command) }]);
  }
  /** The engine does it by itself. */
  locate(): void {}
  homeOf(card: string): number {
    const bytes = Buffer.from(card);
    return partitionOf(bytes, 0, bytes.length, this.partitions);
  }
  /** Nobody knows yet which accounts there will be; the first of the partition likely is. */
  account(_program: string, card: string): AccountView {
    return { account: `${this.homeOf(card)}.1`, program: '', cards: [], balances: {} };
  }
  private note(step: Step extends infer S ? (S extends Step ? Omit<S, 'afterMs'> : never) : never): void {
    this.steps.push({ ...step, afterMs: this.nowMs - this.lastMs } as Step);
    this.lastMs = this.nowMs;
  }
}
