import { fileRules } from './file-rules.js';
import { packageRules } from './package-rules.js';
import { syntaxRules } from './syntax-rules.js';
import { textRules } from './text-rules.js';
import { type Exception, type Finding, type Rule, type TrackedFile } from './types.js';

export const rules: readonly Rule[] = [...textRules, ...syntaxRules, ...fileRules, ...packageRules];

export interface RuleResult {
  readonly rule: string;
  readonly looked: number;
  readonly findings: readonly Finding[];
}

/** Applies every rule to every file. A rule is one check: it passes when it finds nothing. */
export function tidy(files: readonly TrackedFile[], exceptions: readonly Exception[]): RuleResult[] {
  const used = new Set<Exception>();
  const results = rules.map((rule) => {
    const { looked, findings } = rule.check(files);
    const kept = findings.filter((finding) => {
      const exception = exceptions.find((each) => each.rule === rule.name && each.path.test(finding.path));
      if (exception !== undefined) used.add(exception);
      return exception === undefined;
    });
    return { rule: rule.name, looked, findings: kept };
  });
  const stale = exceptions
    .filter((exception) => !used.has(exception))
    .map(({ rule, path }) => ({
      path: 'tools/tidy/exceptions.ts',
      message: `'${rule}' holds for ${path.source} now: remove the exception`,
    }));
  return [...results, { rule: 'exceptions are needed', looked: exceptions.length, findings: stale }];
}
