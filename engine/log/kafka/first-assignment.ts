/**
 * Waiting until the group of engines says for the first time what is to be processed here, be it nothing. That takes as long as its slowest member: one that is frozen, or gives partitions back,
 * holds everybody up until it answers or its session ends, and under overload one such time follows the other. Nobody is helped by an engine that gives up meanwhile: it would begin from the
 * end of the queue. So it waits, and says for what.
 */
import { describeGroupsV5 } from '@platformatic/kafka';
import { within } from '../../within.js';
import { reasonOf, type Cluster } from './cluster.js';

const LOOK_MS = 1000;
/** How long an engine's start waits for it: in a session of the group a member that has gone is out, in another one whoever was held up by it. */
export const joinMs = (sessionMs: number): number => 10_000 + 2 * sessionMs;

export class FirstAssignment {
  /** For whoever runs the engine: for what it waits. Undefined while that is nothing to be told of. */
  trouble: string | undefined;
  private readonly beganMs = performance.now();
  private readonly told: Promise<void>;
  private tell!: () => void;
  private looking: NodeJS.Timeout | undefined;
  private over = false;

  constructor(private readonly cluster: Cluster, private readonly group: string) {
    this.told = new Promise((resolve) => { this.tell = resolve; });
  }
  /** Resolves when it has come, or has taken so long that the engine begins without: it is not ready then, and gets its partitions when the group has agreed. */
  async wait(milliseconds: number): Promise<void> {
    if (await within(milliseconds, this.told) || this.over) return;
    await this.look();
  }
  /** It has come, or nobody waits for it any more. */
  end(): void {
    this.over = true;
    this.trouble = undefined;
    clearTimeout(this.looking);
    this.tell();
  }

  private async look(): Promise<void> {
    const seen = await this.describe();
    if (this.over) return;
    const seconds = Math.round((performance.now() - this.beganMs) / 1000);
    this.trouble = `the group of engines ${this.group} has not said for ${seconds} s what is to be processed here; ${seen}`;
    this.looking = setTimeout(() => void this.look(), LOOK_MS);
  }
  private async describe(): Promise<string> {
    try {
      const { groups: [found] } = await this.cluster.fromCoordinator(this.group, describeGroupsV5.api, [this.group], false);
      const members = found!.members.map(({ groupInstanceId, memberId, clientHost }) => `${groupInstanceId ?? memberId} at ${clientHost.replace(/^\//, '')}`);
      return `it is ${found!.groupState}, and waits for whoever of its members is frozen or busy: ${members.join(', ') || 'it has none'}`;
    } catch (error) {
      return `and Kafka does not say why: ${reasonOf(error)}`;
    }
  }
}
