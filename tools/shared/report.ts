import { writeFileSync } from 'node:fs';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped?: number;
}

/**
 * Ends a tool: writes the counts to the file named by `--report=`, prints them as the last line, and sets the exit code.
 * A tool that checked nothing has failed.
 */
export function finish({ passed, failed, skipped = 0 }: Counts, args = process.argv): void {
  const report = args.find((each) => each.startsWith('--report='))?.slice('--report='.length);
  if (report !== undefined) writeFileSync(report, JSON.stringify({ passed, failed, skipped }));
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
