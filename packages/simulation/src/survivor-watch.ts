/** Modes in which a node serves without the other one. */
export const alone: ReadonlySet<string> = new Set(['standalone', 'syncSource']);

export interface Standing {
  readonly nodeId: string;
  readonly mode: string;
  readonly epoch: number;
}

/** Watches over every change of mode that there is at most one survivor, at any time and in any epoch. */
export class SurvivorWatch {
  private readonly ownerOf = new Map<number, Standing>();

  /** @returns what is wrong; undefined when nothing is. `peerMode`: of the other node, undefined while it is down. */
  changed(now: Standing, peerMode: string | undefined): string | undefined {
    if (!alone.has(now.mode)) return undefined;
    const before = this.ownerOf.get(now.epoch);
    this.ownerOf.set(now.epoch, now);
    if (peerMode !== undefined && alone.has(peerMode))
      return `${now.nodeId} is ${now.mode} while the other node is ${peerMode}`;
    if (before === undefined || before.nodeId === now.nodeId) return undefined;
    return `${before.nodeId} and ${now.nodeId} both were survivors in epoch ${String(now.epoch)}`;
  }
}
