import { posix } from 'node:path';
import { isCode, isProse } from './paths.js';
import { type Finding, type Rule, type TrackedFile } from './types.js';

const lineLimits: readonly { readonly limit: number; readonly where: RegExp; readonly instead: string }[] = [
  {
    limit: 300,
    where: /^packages\/core\/src\/policies\/[^/]+\/step\.ts$/,
    instead: 'a step is read as a whole; move a decision with a name of its own into a file beside it',
  },
  { limit: 400, where: /./, instead: 'one idea per file: split it' },
];

function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

const shortFiles: Rule = {
  name: 'files are short',
  check(files) {
    const seen = files.filter(({ path }) => isCode(path) || isProse(path));
    const findings = seen.flatMap(({ path, text }): Finding[] => {
      const rule = lineLimits.find(({ where }) => where.test(path));
      const lines = lineCount(text);
      if (rule === undefined || lines <= rule.limit) return [];
      return [{ path, message: `${lines} lines, at most ${rule.limit}: ${rule.instead}` }];
    });
    return { looked: seen.length, findings };
  },
};

const sizeLimitBytes = 256 * 1024;

const smallFiles: Rule = {
  name: 'no large blobs',
  check(files) {
    const findings = files
      .filter(({ path, sizeBytes }) => sizeBytes > sizeLimitBytes && path !== 'package-lock.json')
      .map(({ path, sizeBytes }) => ({
        path,
        message: `${sizeBytes} bytes, at most ${sizeLimitBytes}: every clone carries it for ever; make it when needed`,
      }));
    return { looked: files.length, findings };
  },
};

/** Relative targets of `[text](target)`, without anchors. */
function linksOf(text: string): { target: string; line: number }[] {
  const links: { target: string; line: number }[] = [];
  let fenced = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trimStart().startsWith('```')) fenced = !fenced;
    if (fenced) continue;
    for (const [, target] of line.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
      if (target !== undefined && !/^[a-z]+:/.test(target)) links.push({ target, line: index + 1 });
    }
  }
  return links;
}

function brokenLinks(file: TrackedFile, known: ReadonlySet<string>): Finding[] {
  return linksOf(file.text).flatMap(({ target, line }) => {
    const path = posix.normalize(posix.join(posix.dirname(file.path), target)).replace(/\/$/, '');
    return known.has(path)
      ? []
      : [{ path: file.path, line, message: `'${target}' leads nowhere: correct the link` }];
  });
}

const goodLinks: Rule = {
  name: 'links in the documents lead somewhere',
  check(files) {
    const known = new Set(['.']);
    for (const { path } of files) {
      for (let part = path; part !== '.'; part = posix.dirname(part)) known.add(part);
    }
    const prose = files.filter(({ path }) => isProse(path));
    return { looked: prose.length, findings: prose.flatMap((file) => brokenLinks(file, known)) };
  },
};

export const fileRules: readonly Rule[] = [shortFiles, smallFiles, goodLinks];
