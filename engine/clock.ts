/**
 * The main thread's clock and timer, in one place so that a simulation can own time. It only decides when something is looked at: what is decided
 * goes by the append times of records.
 */
export interface Clock {
  nowMs(): number;
  /** Calls `action` again and again; returns what ends it. */
  every(milliseconds: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: Date.now,
  every(milliseconds, action) {
    const timer = setInterval(action, milliseconds);
    return () => clearInterval(timer);
  },
};
