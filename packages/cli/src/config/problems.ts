import { HoldfastError } from '@holdfast/core';

/** One mistake in a configuration: where, what stands there, what would be right. */
export interface ConfigProblem {
  /** 'nodes.north.legs.vol0.data' */
  readonly key: string;
  readonly line?: number;
  readonly message: string;
}

/** Every mistake that was found, not only the first. */
export class ConfigError extends HoldfastError {
  constructor(
    readonly file: string,
    readonly problems: readonly ConfigProblem[],
  ) {
    const lines = problems.map(({ key, line, message }) => {
      const where = line === undefined ? file : `${file}:${line}`;
      return `  ${where}: ${key === '' ? '' : `${key}: `}${message}`;
    });
    super(
      'CONFIG_INVALID',
      [
        `The configuration has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:`,
        ...lines,
      ].join('\n'),
    );
    this.name = 'ConfigError';
  }
}

/** What stands in the file, short enough for a message. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
