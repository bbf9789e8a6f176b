import { existsSync, readFileSync } from 'node:fs';

/** What ran and how it ended. `notes` are failures that no test of its own stands for. */
export const nothing = { passed: 0, failed: 0, skipped: 0, notes: [] };

export function addCounts(left, right) {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
    notes: [...left.notes, ...right.notes],
  };
}

function failure(note) {
  return { ...nothing, failed: 1, notes: [note] };
}

/** A program that ends badly without naming a failure has failed once, whatever its report says. */
function agreeWithExit(counts, name, code) {
  if (code === 0 || counts.failed > 0) return counts;
  return addCounts(
    counts,
    failure(`${name} ended with code ${code} and named no failed test; read its output above.`),
  );
}

/** Counts vitest's JSON report test by test; a file that could not even be loaded is one failure. */
export function countVitestReport(path, code) {
  if (!existsSync(path)) return failure(`vitest ended with code ${code} and left no report.`);
  let counts = nothing;
  for (const file of JSON.parse(readFileSync(path, 'utf8')).testResults) {
    for (const { status } of file.assertionResults) {
      const kind = status === 'passed' || status === 'failed' ? status : 'skipped';
      counts = { ...counts, [kind]: counts[kind] + 1 };
    }
    const named = file.assertionResults.some(({ status }) => status === 'failed');
    if (file.status === 'failed' && !named)
      counts = addCounts(counts, failure(`${file.name} could not run.`));
  }
  return agreeWithExit(counts, 'vitest', code);
}

/** Counts the report of one of our own tools: `{ passed, failed, skipped }`. */
export function countToolReport(name, path, code) {
  if (!existsSync(path)) return failure(`${name} ended with code ${code} and left no report.`);
  const { passed, failed, skipped } = JSON.parse(readFileSync(path, 'utf8'));
  return agreeWithExit({ passed, failed, skipped, notes: [] }, name, code);
}

export function summary({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** The exit code: a failure is a failure, and so is a run in which nothing ran. */
export function verdict({ passed, failed }) {
  return failed === 0 && passed > 0 ? 0 : 1;
}
