/** Sources that ship: not tests, not configuration. */
export function isLibrarySource(path: string): boolean {
  return /^packages\/[^/]+\/src\/.*\.ts$/.test(path) && !isTest(path);
}

/** Library sources that must reach the outside through ports: neither under src/node/ nor in the command line. */
export function isPortable(path: string): boolean {
  return isLibrarySource(path) && !/^packages\/([^/]+\/src\/node|cli)\//.test(path);
}

export function isTest(path: string): boolean {
  return /\.test\.(ts|mjs)$|^packages\/[^/]+\/test\//.test(path);
}

export function isCode(path: string): boolean {
  return /\.(ts|mts|cts|js|mjs|cjs)$|^\.ci\/run$|\.sh$/.test(path);
}

export function isProse(path: string): boolean {
  return path.endsWith('.md');
}
