import { createContext, runInContext, type Context } from 'node:vm';

/**
 * Names that let a program see where or when it runs, or act on it. Some are not in an empty realm anyway; they are
 * trapped all the same, so that `typeof setTimeout` is noticed too and nobody finds a way round.
 */
const forbidden = [
  ...['Date', 'performance', 'Intl'],
  ...[
    'setTimeout',
    'setInterval',
    'setImmediate',
    'clearTimeout',
    'clearInterval',
    'queueMicrotask',
    'Promise',
  ],
  ...[
    'process',
    'require',
    'module',
    'Buffer',
    'console',
    'crypto',
    'fetch',
    'WebAssembly',
    'navigator',
    'window',
  ],
  ...['WeakRef', 'FinalizationRegistry', 'SharedArrayBuffer', 'Atomics'],
];

/** Members of otherwise harmless objects: chance, and what the language settings of the machine decide. */
const forbiddenMembers = [
  ['Math', 'random'],
  ['String.prototype', 'localeCompare'],
  ['String.prototype', 'toLocaleUpperCase'],
  ['String.prototype', 'toLocaleLowerCase'],
  ['Number.prototype', 'toLocaleString'],
  ['BigInt.prototype', 'toLocaleString'],
  ['Array.prototype', 'toLocaleString'],
] as const;

/** A realm with nothing in it but the language. What reaches for more is recorded and thrown at. */
export class EmptyRealm {
  readonly #context: Context;
  readonly #trespasses: string[] = [];

  constructor() {
    this.#context = createContext({}, { codeGeneration: { strings: false, wasm: false } });
    const trespass = (name: string): never => {
      this.#trespasses.push(name);
      throw new Error(`${name} is not there: core is pure`);
    };
    const trap = this.run(`((name, owner, member, trespass) =>
      Object.defineProperty(owner, member, { configurable: true, get: () => trespass(name), set: () => trespass(name) }))`);
    const set = trap as (name: string, owner: unknown, member: string, report: typeof trespass) => void;
    for (const name of forbidden) set(name, this.run('globalThis'), name, trespass);
    for (const [owner, member] of forbiddenMembers)
      set(`${owner}.${member}`, this.run(owner), member, trespass);
  }

  /** What was reached for so far, also where the program caught the error. */
  get trespasses(): readonly string[] {
    return this.#trespasses;
  }

  run(code: string): unknown {
    return runInContext(code, this.#context, { timeout: 10_000 });
  }
}
