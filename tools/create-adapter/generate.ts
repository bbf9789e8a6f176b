import type { PortSkeleton } from './ports.js';
import { ports } from './ports.js';

export interface AdapterPlan {
  /** In lower case, with hyphens: 'acme'. The package becomes `holdfast-adapter-acme`. */
  readonly name: string;
  readonly ports: readonly string[];
}

/** The files of a new adapter: path inside its folder, and text. @throws TypeError for a name or port that there is not. */
export function adapterFiles(plan: AdapterPlan): ReadonlyMap<string, string> {
  if (!/^[a-z][a-z0-9-]*$/.test(plan.name))
    throw new TypeError(
      `'${plan.name}' is no name for an adapter: write lower-case letters, digits and hyphens.`,
    );
  const unknown = plan.ports.filter((port) => !Object.hasOwn(ports, port));
  if (plan.ports.length === 0 || unknown.length > 0)
    throw new TypeError(
      `No skeleton for '${unknown.join(', ')}'. There is one for ${Object.keys(ports).join(' and ')}.`,
    );
  const chosen = Object.entries(ports).filter(([port]) => plan.ports.includes(port));
  const files = new Map([
    ['package.json', packageJson(plan.name)],
    [
      'README.md',
      readme(
        plan.name,
        chosen.map(([, { type }]) => type),
      ),
    ],
    ['src/index.ts', chosen.map(([port]) => `export * from './${port}.js';\n`).join('')],
    ['src/not-written.ts', notWritten],
    ['test/fixtures.ts', fixtures(plan.name, chosen)],
    ['test/conformance.test.ts', conformanceTest(plan.name, chosen)],
  ]);
  for (const [port, skeleton] of chosen) files.set(`src/${port}.ts`, adapterClass(plan.name, skeleton));
  return files;
}

const pascal = (name: string): string =>
  name
    .split('-')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');

const fixtureName = ({ type }: PortSkeleton): string =>
  `${type.slice(0, 1).toLowerCase()}${type.slice(1)}Fixture`;

function packageJson(name: string): string {
  const manifest = {
    name: `holdfast-adapter-${name}`,
    version: '0.0.0',
    description: `Holdfast on ${name}.`,
    type: 'module',
    exports: './src/index.ts',
    scripts: { test: 'vitest run' },
    peerDependencies: { '@holdfast/core': '>=0.1.0 <1.0.0' },
    devDependencies: {
      '@holdfast/core': '>=0.1.0 <1.0.0',
      '@holdfast/testkit': '>=0.1.0 <1.0.0',
      vitest: '^4.0.0',
    },
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

function readme(name: string, types: readonly string[]): string {
  return [
    `# holdfast-adapter-${name}`,
    '',
    `${types.join(' and ')} of Holdfast on ${name}.`,
    '',
    '`npm test` runs the conformance suites. Each method that is not written yet fails and names itself: write one, run it again.',
    '',
  ].join('\n');
}

const notWritten = `/** A method of this adapter that nobody has written yet. */
export class NotWrittenError extends TypeError {
  constructor(readonly method: string) {
    super(\`\${method} is not written yet.\`);
    this.name = 'NotWrittenError';
  }
}

export function notWritten(method: string): Promise<never> {
  return Promise.reject(new NotWrittenError(method));
}
`;

function adapterClass(name: string, { type, types, fields, methods }: PortSkeleton): string {
  const className = `${pascal(name)}${type}`;
  const bodies = methods.map(
    (each) =>
      `\n  ${each.name}(${each.parameters}): Promise<${each.result}> {\n    return notWritten('${className}.${each.name}');\n  }\n`,
  );
  return `import type { ${[...types, type].sort().join(', ')} } from '@holdfast/core';
import { notWritten } from './not-written.js';

export class ${className} implements ${type} {
  readonly name: string;
${fields.map((field) => `  ${field}\n`).join('')}
  /** @param place where it keeps what it holds: a path, an address. Two with the same place are two lives of one. */
  constructor(place: string) {
    this.name = \`${name} \${place}\`;
  }
${bodies.join('')}
  /** There is nothing to let go of yet; afterwards every call has to fail with CLOSED. */
  async [Symbol.asyncDispose](): Promise<void> {}
}
`;
}

function fixtures(name: string, chosen: readonly (readonly [string, PortSkeleton])[]): string {
  const classes = chosen.map(([, { type }]) => `${pascal(name)}${type}`);
  const types = chosen.map(([, { type }]) => `${type}Fixture`);
  const functions = chosen.map(
    ([, skeleton]) => `
export function ${fixtureName(skeleton)}(): ${skeleton.type}Fixture {
  const place = crypto.randomUUID();
  return { open: async () => new ${pascal(name)}${skeleton.type}(place) };
}
`,
  );
  return `import type { ${types.join(', ')} } from '@holdfast/testkit';
import { ${classes.join(', ')} } from '../src/index.js';

// Add what can be done to the place, and more cases apply: kill, losePower, failNextFlush; crash, failNextChange, corrupt.
${functions.join('')}`;
}

function conformanceTest(name: string, chosen: readonly (readonly [string, PortSkeleton])[]): string {
  const suites = chosen.map(([, { suite }]) => suite);
  const calls = chosen.map(
    ([, skeleton]) =>
      `conformanceTests({ describe, it }, ${skeleton.suite}, { name: '${name}', fixture: ${fixtureName(skeleton)} });\n`,
  );
  return `import { ${[...suites, 'conformanceTests'].sort().join(', ')} } from '@holdfast/testkit';
import { describe, it } from 'vitest';
import { ${chosen.map(([, skeleton]) => fixtureName(skeleton)).join(', ')} } from './fixtures.js';

${calls.join('')}`;
}
