import type { EffectId, PolicyEffect } from '@holdfast/core';

/** One effect that has not ended: running, or waiting for others. */
export interface Unfinished<Effect extends PolicyEffect> {
  readonly effect: Effect;
  /** How many of its `after` have not ended. */
  waitsFor: number;
  /** Those that wait for it. */
  followers: Unfinished<Effect>[] | undefined;
}

/** Failures that are remembered, for effects of later steps that name them. A wish does not name older ones. */
const MAX_REMEMBERED_FAILURES = 10_000;

/**
 * Which effects wait for which. An id that is neither unfinished nor failed has succeeded: `after` only looks back, so every
 * id in it was handed out before.
 */
export class EffectSchedule<Effect extends PolicyEffect> {
  private readonly unfinished = new Map<EffectId, Unfinished<Effect>>();
  private readonly failures = new Set<EffectId>();

  get size(): number {
    return this.unfinished.size;
  }

  /** The first effect in `after` that has failed or was dropped. */
  failureAmong(after: readonly EffectId[]): EffectId | undefined {
    if (this.failures.size === 0) return undefined;
    return after.find((id) => this.failures.has(id));
  }

  /** Books `effect` behind those of its `after` that have not ended. Undefined: it waits for nothing. */
  wait(effect: Effect): Unfinished<Effect> | undefined {
    let entry: Unfinished<Effect> | undefined;
    for (const id of effect.after ?? []) {
      const leader = this.unfinished.get(id);
      if (leader === undefined) continue;
      entry ??= { effect, waitsFor: 0, followers: undefined };
      entry.waitsFor += 1;
      (leader.followers ??= []).push(entry);
    }
    if (entry !== undefined) this.unfinished.set(effect.id, entry);
    return entry;
  }

  running(effect: Effect): void {
    if (!this.unfinished.has(effect.id)) {
      this.unfinished.set(effect.id, { effect, waitsFor: 0, followers: undefined });
    }
  }

  /** Gives back the effects that waited for nothing else, in the order they were asked for. */
  succeeded(id: EffectId): readonly Effect[] {
    const entry = this.unfinished.get(id);
    this.unfinished.delete(id);
    if (entry?.followers === undefined) return [];
    const ready: Effect[] = [];
    for (const follower of entry.followers) {
      follower.waitsFor -= 1;
      if (follower.waitsFor === 0 && this.unfinished.has(follower.effect.id)) ready.push(follower.effect);
    }
    return ready;
  }

  /** Gives back all that will never run because of it, each with the id that took it down. */
  failed(id: EffectId): readonly { readonly effect: Effect; readonly failedId: EffectId }[] {
    const dropped: { effect: Effect; failedId: EffectId }[] = [];
    const causes = [id];
    this.remember(id);
    for (const cause of causes) {
      const followers = this.unfinished.get(cause)?.followers ?? [];
      this.unfinished.delete(cause);
      for (const { effect } of followers) {
        // It may have waited for several that failed.
        if (this.failures.has(effect.id)) continue;
        this.remember(effect.id);
        dropped.push({ effect, failedId: cause });
        causes.push(effect.id);
      }
    }
    return dropped;
  }

  clear(): void {
    this.unfinished.clear();
  }

  private remember(id: EffectId): void {
    this.failures.add(id);
    if (this.failures.size <= MAX_REMEMBERED_FAILURES) return;
    for (const oldest of this.failures) {
      this.failures.delete(oldest);
      break;
    }
  }
}
