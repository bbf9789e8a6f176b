import type { Cluster } from '@holdfast/acceptance/cluster';
import type { Pause } from '@holdfast/acceptance/load';

const lookEveryMs = 10;
/** Shorter ones are everyday life of a busy machine; the processes of the cluster keep them to themselves too. */
const reportedMs = 25;

/** Times in which a process did not come to its turn: what the nodes and the initiator say of themselves, and this process. */
export class Standstills implements Disposable {
  private readonly own: (Pause & { readonly lengthMs: number })[] = [];
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly cluster: Cluster) {
    let due = performance.now() + lookEveryMs;
    this.timer = setInterval(() => {
      const now = performance.now();
      const lengthMs = now - due;
      due = now + lookEveryMs;
      const untilMs = Date.now();
      if (lengthMs >= reportedMs) this.own.push({ fromMs: untilMs - lengthMs, untilMs, lengthMs });
    }, lookEveryMs);
  }

  /** The longest so far, in milliseconds. */
  get longest(): number {
    return this.all().reduce((longest, { lengthMs }) => Math.max(longest, lengthMs), 0);
  }

  /** The longest of those that touch the span. */
  longestIn(span: Pause): number {
    return this.all()
      .filter(({ fromMs, untilMs }) => untilMs >= span.fromMs && fromMs <= span.untilMs)
      .reduce((longest, { lengthMs }) => Math.max(longest, lengthMs), 0);
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }

  private all(): readonly (Pause & { readonly lengthMs: number })[] {
    const told = this.cluster.said.flatMap(({ atMs, lengthMs }) =>
      lengthMs === undefined ? [] : [{ fromMs: atMs - lengthMs, untilMs: atMs, lengthMs }],
    );
    return [...told, ...this.own];
  }
}
