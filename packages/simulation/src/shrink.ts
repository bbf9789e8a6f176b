import type { Plan } from './plan.js';

/**
 * A smaller plan for which `stillFails` holds, found by leaving out ever smaller parts of the faults and of what the clients do.
 * `triesMax` bounds the runs.
 */
export async function shrinkPlan(
  plan: Plan,
  stillFails: (smaller: Plan) => Promise<boolean>,
  triesMax = 250,
): Promise<Plan> {
  let best = plan;
  let triesLeft = triesMax;
  const attempt = async (smaller: Plan): Promise<boolean> => {
    if (triesLeft <= 0) return false;
    triesLeft -= 1;
    if (!(await stillFails(smaller))) return false;
    best = smaller;
    return true;
  };
  const calm: Partial<Plan['surroundings']>[] = [
    { driftPpm: { a: 0, b: 0, witness: 0 } },
    { witnessWeather: { loss: 0, doubled: 0, late: 0 } },
    { saveMs: 0 },
    { compare: false },
  ];
  await leaveOut(
    () => best.faults,
    (faults) => attempt({ ...best, faults }),
  );
  for (let index = best.clients.length - 1; index >= 0; index -= 1) {
    await leaveOut(
      () => best.clients[index]?.operations ?? [],
      (operations) => {
        const clients = best.clients.map((each, at) => (at === index ? { ...each, operations } : each));
        return attempt({ ...best, clients });
      },
    );
  }
  for (const change of calm) await attempt({ ...best, surroundings: { ...best.surroundings, ...change } });
  await leaveOut(
    () => best.faults,
    (faults) => attempt({ ...best, faults }),
  );
  return best;
}

/** Halves first, then single items. */
async function leaveOut<Item>(
  items: () => readonly Item[],
  attempt: (fewer: readonly Item[]) => Promise<boolean>,
): Promise<void> {
  for (let size = Math.max(1, items().length); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < items().length;) {
      const all = items();
      const fewer = [...all.slice(0, from), ...all.slice(from + size)];
      if (!(await attempt(fewer))) from += size;
    }
  }
}
