import { isCode, isProse } from './paths.js';
import { type Finding, type Rule, type TrackedFile } from './types.js';

interface TextRule {
  readonly name: string;
  readonly where: (path: string) => boolean;
  readonly pattern: RegExp;
  readonly instead: string;
}

function textRule(rule: TextRule): Rule {
  return {
    name: rule.name,
    check(files) {
      const seen = files.filter((file) => rule.where(file.path));
      return { looked: seen.length, findings: seen.flatMap((file) => matches(file, rule)) };
    },
  };
}

function matches(file: TrackedFile, rule: TextRule): Finding[] {
  return file.text.split('\n').flatMap((text, index) => {
    const hit = rule.pattern.exec(text);
    return hit === null
      ? []
      : [{ path: file.path, line: index + 1, message: `'${hit[0]}': ${rule.instead}` }];
  });
}

const isOurs = (path: string): boolean => isCode(path) || isProse(path) || /\.(json|ya?ml|npmrc)$/.test(path);

export const textRules: readonly Rule[] = [
  textRule({
    name: 'no notes to a later self',
    where: (path) => isCode(path) || isProse(path),
    pattern: /\b(TODO|FIXME|XXX)\b/,
    instead: 'do it now, or open an issue; a note in the code reaches nobody',
  }),
  textRule({
    name: 'no silenced compiler',
    where: isCode,
    pattern: /@ts-ignore|@ts-nocheck|\bas any\b(?! [a-z])/,
    instead: 'say the real type, or narrow `unknown` with a check',
  }),
  textRule({
    name: 'a silenced lint rule has a reason',
    where: isCode,
    pattern: /eslint-disable(?!.* -- \S)/,
    instead: 'name the rule and append ` -- ` and the reason',
  }),
  textRule({
    name: 'no test left out or singled out',
    where: (path) => /\.test\.(ts|mjs)$/.test(path),
    pattern: /\b(it|test|describe)\.(only|skip)\(/,
    instead: 'run it; a test that needs an outside program uses skipIf and names the program',
  }),
  textRule({
    name: 'no path of one machine',
    where: isOurs,
    pattern: /(?<![\w.$}-])\/(home|Users|root|work)\/[\w.-]+|\b[A-Z]:\\Users\\/,
    instead: 'use a path relative to the repository, or os.tmpdir()',
  }),
  textRule({
    name: 'temporary files go where the system wants them',
    where: isCode,
    pattern: /['"`]\/tmp\b/,
    instead: 'use mkdtemp below os.tmpdir(), and remove it',
  }),
  textRule({
    name: 'no registry host',
    where: (path) => isOurs(path) || path.endsWith('.lock'),
    pattern: /https?:\/\/[^/\s"']*registry[^/\s"']*|_authToken|"resolved": "https?:/,
    instead: 'leave the host to the configuration of whoever installs; .npmrc keeps it out of the lockfile',
  }),
];
