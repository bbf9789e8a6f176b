/*
 * Who may import whom. Data flows one way round (observations, events, effects, calls), and imports follow it:
 *   core imports nothing; adapters, witness and runtime import core; volume imports core, runtime and nbd;
 *   testkit imports core and runtime; the command line may import everything.
 * Tests are exempt from the direction between packages (a story may need a fake from testkit), never from cycles.
 */

const test = '\\.test\\.ts$|^packages/[^/]+/test/';

/** @returns a rule: sources of `from` may import workspace packages only out of `allowed`, and themselves. */
function only(from, allowed, comment) {
  const names = [from, ...allowed].join('|');
  return {
    name: `${from}-imports`,
    comment,
    severity: 'error',
    from: { path: `^packages/${from}/src/`, pathNot: test },
    to: { path: '^packages/', pathNot: `^packages/(${names})/` },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Files that run each other in a circle cannot be tested or replaced one at a time. ' +
        'A circle that exists in types only is erased by the compiler: two types may speak of each other.',
      severity: 'error',
      from: { path: '^(packages|tools|bench|acceptance|examples)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'nothing-unresolved',
      comment: 'An import that resolves to nothing is a typo or a dependency that is not declared.',
      severity: 'error',
      from: { path: '^(packages|tools|bench|acceptance|examples)/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'declared-dependencies',
      comment:
        'What a library imports must stand in its own package.json, or it breaks when installed alone.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: test },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'], pathNot: '^packages/' },
    },
    {
      name: 'core-imports',
      comment: 'Core is pure: no dependency, no platform, nothing outside its own sources.',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: test },
      to: { pathNot: '^packages/core/src/' },
    },
    {
      name: 'policies-stand-alone',
      comment:
        'A policy speaks the words of kernel, errors and ports and knows no other policy; group composes them.',
      severity: 'error',
      from: { path: '^packages/core/src/policies/([^/]+)/', pathNot: test },
      to: { path: '^packages/', pathNot: '^packages/core/src/(kernel|errors|ports|policies/$1)(/|\\.ts$)' },
    },
    {
      name: 'policies-know-no-group',
      comment:
        'What composes policies, and what lists them, stands above them: also above the files beside their folders.',
      severity: 'error',
      from: { path: '^packages/core/src/policies/', pathNot: test },
      to: { path: '^packages/core/src/(group/|[^/]+\\.ts$)' },
    },
    {
      name: 'kernel-first',
      comment: 'Kernel, errors and ports are what everything else is said in, so they know nothing of it.',
      severity: 'error',
      from: { path: '^packages/core/src/(kernel|errors|ports)/', pathNot: test },
      to: { path: '^packages/core/src/(policies/|group/|[^/]+\\.ts$)' },
    },
    only('runtime', ['core'], 'The driver drives any policy and knows no adapter.'),
    only('nbd', [], 'The protocol is usable alone and knows nothing of Holdfast.'),
    only('witness', ['core', 'runtime'], 'The witness holds no data and knows no volume.'),
    only('volume', ['core', 'runtime', 'nbd'], 'The volume reaches everything else through ports.'),
    only(
      'simulation',
      ['core', 'testkit', 'volume', 'witness'],
      'It composes what ships with what is simulated.',
    ),
    only('testkit', ['core', 'runtime'], 'Adapter authors install it without our adapters.'),
    {
      name: 'adapter-imports',
      comment:
        'An adapter fills the ports of core; it never sees the runtime, the volume or another adapter.',
      severity: 'error',
      from: { path: '^packages/(adapter-[^/]+)/src/', pathNot: test },
      to: { path: '^packages/', pathNot: '^packages/(core|$1)/' },
    },
    {
      name: 'platform-in-node-folder',
      comment: 'Everything outside is a port; only src/node/ and the command line may name the platform.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: `^packages/cli/|^packages/[^/]+/src/node/|${test}` },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-tests-in-libraries',
      comment: 'What ships does not import its tests.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: test },
      to: { path: test },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^packages/[^/]+/dist/', '/testdata/', '^tools/purity/fixtures/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    // Type imports count too: a type from the wrong package is the first thread of the wrong dependency.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['import', 'require', 'types', 'default'],
      exportsFields: ['exports'],
    },
    detectProcessBuiltinModuleCalls: true,
  },
};
