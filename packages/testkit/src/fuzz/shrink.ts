/**
 * The shortest list that still fails, as far as leaving out runs of ever fewer elements finds it (delta debugging). Ends after
 * `triesMax` runs at the latest.
 */
export async function shrinkList<Element>(
  all: readonly Element[],
  fails: (some: readonly Element[]) => Promise<boolean>,
  triesMax = 400,
): Promise<readonly Element[]> {
  let best = all;
  let tries = 0;
  for (let run = Math.ceil(best.length / 2); run >= 1; run = run === 1 ? 0 : Math.ceil(run / 2)) {
    for (let at = 0; at < best.length;) {
      const without = [...best.slice(0, at), ...best.slice(at + run)];
      tries += 1;
      if (tries > triesMax) return best;
      if (without.length < best.length && (await fails(without))) best = without;
      else at += run;
    }
  }
  return best;
}
