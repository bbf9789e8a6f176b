import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { meaningOf } from './meaning.js';
import { ConfigError, type ConfigProblem } from './problems.js';
import { configSchema } from './schema.js';
import type { HoldfastConfig } from './types.js';

/** @throws ConfigError naming every mistake: the key, its line, what stands there and what would be right. */
export async function loadConfig(file: string): Promise<HoldfastConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new ConfigError(file, [
      { key: '', message: `cannot be read (${cause}); \`holdfast init\` writes one to begin with` },
    ]);
  }
  return parseConfig(text, file);
}

/** The same for a text; `file` is where relative paths start from, and what messages name. */
export function parseConfig(text: string, file: string): HoldfastConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const broken = document.errors.map((error): ConfigProblem => {
    const { line } = lines.linePos(error.pos[0]);
    return { key: '', line, message: `is no YAML: ${error.message.split('\n')[0] ?? ''}` };
  });
  if (broken.length > 0) throw new ConfigError(file, broken);

  const problems: ConfigProblem[] = [];
  const complain = (path: readonly (string | number)[], message: string): void => {
    const line = lineOf(document, lines, path);
    problems.push({ key: path.join('.'), message, ...(line === undefined ? {} : { line }) });
  };
  const data: unknown = document.toJS() ?? {};
  const parsed = configSchema.safeParse(data);
  if (!parsed.success) {
    for (const issue of parsed.error.issues.flatMap((entry) => flatten(entry, data, [])))
      complain(issue.path, issue.message);
    throw new ConfigError(file, problems);
  }
  const config = meaningOf(parsed.data, file, (key, message) => complain(key.split('.'), message));
  if (config === undefined || problems.length > 0) throw new ConfigError(file, problems);
  return config;
}

interface Issue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Of the forms that a value may have, the one that was meant is judged: a mapping as a mapping, a word as a word. */
function flatten(issue: z.core.$ZodIssue, data: unknown, base: readonly (string | number)[]): Issue[] {
  const path = [...base, ...issue.path.filter((part) => typeof part !== 'symbol')];
  if (issue.code !== 'invalid_union') return [{ path, message: issue.message }];
  const value = valueAt(data, path);
  const branch = typeof value === 'object' && value !== null ? issue.errors.at(-1) : issue.errors[0];
  return (branch ?? []).flatMap((inner) => flatten(inner, data, path));
}

function valueAt(data: unknown, path: readonly (string | number)[]): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = new Map<string, unknown>(Object.entries(value)).get(String(part));
  }
  return value;
}

/** The line of the key, or of the nearest mapping around it that stands in the file. */
function lineOf(
  document: Document,
  lines: LineCounter,
  path: readonly (string | number)[],
): number | undefined {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const found: unknown = document.getIn(path.slice(0, depth), true);
    if (typeof found !== 'object' || found === null || !('range' in found) || !Array.isArray(found.range))
      continue;
    const start: unknown = found.range[0];
    if (typeof start === 'number') return lines.linePos(start).line;
  }
  return undefined;
}
