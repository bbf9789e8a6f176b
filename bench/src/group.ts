import { consistencyGroup, type GroupEvent, type GroupOptions } from '@holdfast/core';
import { every, ids, World } from '../../packages/core/test/group/world.js';

/** What a step of the consistency group costs while nothing goes wrong: lease renewals, health words, ticks. `npx tsx bench/src/group.ts` */
interface Life {
  readonly options: GroupOptions;
  readonly at: number;
  readonly events: readonly GroupEvent[];
}

function livesOf(policies: typeof every): readonly Life[] {
  const world = new World({ policies }).mirrored();
  world.run(60_000);
  return ids.flatMap((id) => world.nodes[id].history.slice(-1));
}

function measure(title: string, lives: readonly Life[]): void {
  const costs: number[] = [];
  for (let round = 0; round < 24; round += 1) {
    for (const { options, at, events } of lives) {
      let state = consistencyGroup.init(options, at);
      for (const event of events) {
        const begin = process.hrtime.bigint();
        state = consistencyGroup.step(state, event).state;
        if (round > 7) costs.push(Number(process.hrtime.bigint() - begin) / 1_000);
      }
    }
  }
  costs.sort((one, other) => one - other);
  const at = (share: number): string => (costs[Math.floor(share * (costs.length - 1))] ?? 0).toFixed(1);
  process.stdout.write(
    `${title}: ${String(costs.length)} steps, median ${at(0.5)} us, 90 % below ${at(0.9)} us, 99 % below ${at(0.99)} us\n`,
  );
}

measure('ttl-polarization alone', livesOf({}));
measure('all five policies', livesOf(every));
