/** What the topics of the log are called on Kafka, behind the installation's prefix. */
import { topics as logTopics, type Topic } from '../log.js';

/** In the order of log.ts, then the log's own. */
export type StoredTopic = Topic | 'control';
export const storedNames: Record<StoredTopic, string> = {
  commands: 'commands', internal: 'commands-internal', interactive: 'interactive', results: 'results', 'dead-letters': 'dead-letters', replies: 'replies', snapshots: 'snapshots', control: 'control',
};
export const stored: StoredTopic[] = [...logTopics, 'control'];
