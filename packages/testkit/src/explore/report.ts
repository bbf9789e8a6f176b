import type { Exploration } from './explore.js';

/**
 * What was explored, for people: counts and speed, how it ended, what was left out, and the story of a broken rule. Says `exhausted` only
 * when no bound was met.
 */
export function describeExploration(found: Exploration<unknown>): string {
  const { name, ended, states, transitions, depth, elapsedMs, frontier, boundedBy, violation } = found;
  const speed =
    elapsedMs === undefined
      ? ''
      : ` in ${(elapsedMs / 1_000).toFixed(1)} s (${counted(Math.round(states / Math.max(0.001, elapsedMs / 1_000)))} a second)`;
  const lines = [
    `${name}: ${counted(states)} states, ${counted(transitions)} transitions, depth ${String(depth)}${speed}`,
  ];
  if (ended === 'exhausted') lines.push('  exhausted: every state within these limits was seen');
  if (ended === 'bounded')
    lines.push(`  bounded by ${boundedBy.join(' and ')}: ${counted(frontier)} states were not looked behind`);
  lines.push(`  limits: ${found.limits.length === 0 ? 'none' : found.limits.join(', ')}`);
  lines.push(
    `  probability that any state was taken for another: ${found.collisionProbability.toExponential(1)}`,
  );
  if (found.calmChecked > 0)
    lines.push(`  the calm schedule was followed from ${counted(found.calmChecked)} states`);
  if (found.landmarksMissed.length > 0) lines.push(`  never seen: ${found.landmarksMissed.join(', ')}`);
  if (violation !== undefined) {
    lines.push(`  BROKEN: ${violation.rule}`, ...violation.story.map((line) => `    ${line}`));
    if (violation.calm !== undefined)
      lines.push(
        '    and then, with nothing more going wrong:',
        ...violation.calm.map((line) => `    ${line}`),
      );
  }
  return lines.join('\n');
}

function counted(count: number): string {
  return count.toLocaleString('en-US').replaceAll(',', ' ');
}
