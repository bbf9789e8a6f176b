import js from '@eslint/js';
import { builtinModules } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const root = dirname(fileURLToPath(import.meta.url));

const tests = ['**/*.test.ts', '**/test/**/*.ts', '**/testdata/**/*.ts'];
const configs = ['**/*.config.{ts,mts,mjs,js,cjs}', '.dependency-cruiser.cjs', 'tsup.preset.ts'];
const programs = ['packages/cli/**', 'tools/**', 'bench/**', 'acceptance/**', 'examples/**'];

/** A command line built as a string is a hole: arguments travel as an array, and no shell reads them. */
const noShellImports = {
  paths: ['child_process', 'node:child_process'].map((name) => ({
    name,
    importNames: ['exec', 'execSync', 'default'],
    message: 'No shell, ever: use execFile or spawn with an argument array.',
  })),
};

/** The library runs where its ports run; only the folder named node may know which platform that is. */
const noNodeImports = {
  ...noShellImports,
  patterns: [
    {
      regex: `^(node:.*|(${builtinModules.filter((name) => !name.startsWith('_')).join('|')})(/.*)?)$`,
      message:
        'node:* belongs under src/node/. Take a port (Clock, Transport, BlockDevice, Store, Random) here.',
    },
  ],
};

const noShellOption = {
  selector: "Property[key.name='shell']:not([value.value=false])",
  message: 'No shell, ever: leave `shell` out or set it to false.',
};
const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a default export takes another name in every file that imports it.',
};

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      '**/coverage/',
      '**/.turbo/',
      '**/node_modules/',
      // Pages for a browser and files written by a run are not part of the TypeScript program.
      '**/assets/',
      '**/testdata/**/*.{js,mjs,cjs}',
      'tools/purity/fixtures/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: ['./tsconfig.json'], tsconfigRootDir: root } },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-restricted-imports': ['error', noShellImports],
      'no-restricted-syntax': ['error', noDefaultExport, noShellOption],
      'max-lines': ['error', 400],
      // Comments do not count, so that nobody deletes a reason to get under the limit.
      'max-lines-per-function': ['error', { max: 70, skipComments: true }],

      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // Messages name their numbers; an object in a template is still an error.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `() => socket.destroy()` reads well; only a void value that is stored or combined is a mistake.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `while (true)` and `for (;;)` are how a service loop says that it has no end of its own.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // A leading underscore says "the signature wants it, this implementation does not".
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none', ignoreRestSiblings: true },
      ],
      // Off: a port method is `async` even without `await`, so that a failure is always a rejection and never a throw.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: ['packages/*/src/node/**', 'packages/cli/**', ...tests],
    rules: { 'no-restricted-imports': ['error', noNodeImports] },
  },
  {
    files: configs,
    rules: {
      // Off: the tools that read these files ask for a default export.
      'no-restricted-syntax': ['error', noShellOption],
    },
  },
  {
    // Off: a program talks to the person who started it.
    files: programs,
    rules: { 'no-console': 'off' },
  },
  {
    files: tests,
    rules: {
      // Off: a `describe` is a chapter, not a function.
      'max-lines-per-function': 'off',
      // Off: a test that meets undefined fails on that very line, which is what it should do.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'console', 'URL', 'Buffer', 'setTimeout', 'clearTimeout', 'performance'].map((name) => [
          name,
          'readonly',
        ]),
      ),
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { module: 'writable', require: 'readonly' } },
    rules: {
      // Off: these are the files that an older loader reads with require().
      '@typescript-eslint/no-require-imports': 'off',
    },
  },
);
