import ts from 'typescript';
import { isLibrarySource, isPortable } from './paths.js';
import { type Finding, type Rule, type TrackedFile } from './types.js';

/** A global name, or a member of one (`Date.now`), that a file must not use. */
interface Ban {
  readonly names: readonly string[];
  readonly instead: string;
}

interface BanRule {
  readonly name: string;
  readonly where: (path: string) => boolean;
  readonly bans: readonly Ban[];
}

function banRule(rule: BanRule): Rule {
  return {
    name: rule.name,
    check(files) {
      const seen = files.filter((file) => rule.where(file.path));
      return { looked: seen.length, findings: seen.flatMap((file) => usesOf(file, rule.bans)) };
    },
  };
}

/** `Date.UTC` computes with a calendar and looks at no clock. */
function isCalendar(node: ts.PropertyAccessExpression): boolean {
  return ts.isIdentifier(node.expression) && node.expression.text === 'Date' && node.name.text === 'UTC';
}

/** A name is used when it stands for a value; a member, a label or a declaration of the same name is something else. */
function isUse(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node && !isCalendar(parent);
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isImportSpecifier(parent) || ts.isShorthandPropertyAssignment(parent)) return true;
  return !ts.isTypeNode(parent) && !('name' in parent && parent.name === node);
}

function usedName(node: ts.Node): string[] {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return ['async'];
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    return [`${node.expression.text}.${node.name.text}`];
  }
  if (ts.isIdentifier(node) && isUse(node)) return [node.text];
  return [];
}

const parsed = new WeakMap<TrackedFile, ts.SourceFile>();

/** Parses a file once, however many rules look at it. */
function parse(file: TrackedFile): ts.SourceFile {
  const source = parsed.get(file) ?? ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2022, true);
  parsed.set(file, source);
  return source;
}

function usesOf(file: TrackedFile, bans: readonly Ban[]): Finding[] {
  const source = parse(file);
  const findings: Finding[] = [];
  const visit = (node: ts.Node): void => {
    for (const name of usedName(node)) {
      const ban = bans.find(({ names }) => names.includes(name));
      if (ban === undefined) continue;
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      findings.push({ path: file.path, line, message: `'${name}': ${ban.instead}` });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return findings;
}

/** Ports stay small, so that an adapter is an afternoon's work. What an adapter may leave out does not count. */
const maximumMethods = 7;

function largePorts(file: TrackedFile): Finding[] {
  const source = parse(file);
  return source.statements.filter(ts.isInterfaceDeclaration).flatMap((declaration) => {
    const methods = declaration.members.filter(
      (member) => ts.isMethodSignature(member) && member.questionToken === undefined,
    ).length;
    if (methods <= maximumMethods) return [];
    const line = source.getLineAndCharacterOfPosition(declaration.getStart(source)).line + 1;
    return [
      {
        path: file.path,
        line,
        message: `${declaration.name.text} has ${methods} methods: split it by guarantee, at most ${maximumMethods} each`,
      },
    ];
  });
}

export const syntaxRules: readonly Rule[] = [
  banRule({
    name: 'time comes from a Clock',
    where: isPortable,
    bans: [
      {
        names: ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval'],
        instead: 'use the Clock port, so that a virtual clock can drive it',
      },
      { names: ['Date', 'performance'], instead: 'use the Clock port, or `at` of the event' },
    ],
  }),
  banRule({
    name: 'chance comes from a Random',
    where: isPortable,
    bans: [
      {
        names: [
          'Math.random',
          'crypto.randomUUID',
          'crypto.getRandomValues',
          'randomUUID',
          'randomBytes',
          'randomInt',
        ],
        instead: 'use the Random port, so that one seed makes one run',
      },
    ],
  }),
  banRule({
    name: 'the platform stays under src/node/',
    where: isPortable,
    bans: [
      {
        names: ['process', '__dirname', '__filename', 'require'],
        instead: 'move it under src/node/, or take a port',
      },
      { names: ['Buffer'], instead: 'use Uint8Array and DataView' },
      { names: ['fetch', 'WebSocket'], instead: 'use the Transport port' },
    ],
  }),
  banRule({
    name: 'no promise machinery in core',
    where: (path) => isPortable(path) && path.startsWith('packages/core/src/') && !path.includes('/ports/'),
    bans: [
      {
        names: ['async', 'Promise', 'queueMicrotask'],
        instead: 'return an effect; its result comes back as an event',
      },
    ],
  }),
  banRule({
    name: 'libraries are silent',
    where: (path) => isLibrarySource(path) && !path.startsWith('packages/cli/'),
    bans: [{ names: ['console'], instead: 'report through the telemetry port' }],
  }),
  {
    name: 'ports are small',
    check(files) {
      const ports = files.filter(
        ({ path }) => isLibrarySource(path) && path.startsWith('packages/core/src/ports/'),
      );
      return { looked: ports.length, findings: ports.flatMap(largePorts) };
    },
  },
];
