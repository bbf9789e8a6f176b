/** The oldest compiler of the consumer matrix, in the words of the message below. */
const OLDEST_COMPILER = 'TypeScript 5.4';

/**
 * Types that take an argument only since TypeScript 5.7 or in later types of Node.js. A newer compiler writes them into declarations
 * where it has inferred a type, so nobody sees them in the sources.
 */
const newerGenerics =
  /\b(?:(?:Int|Uint)(?:8|16|32)Array|Uint8ClampedArray|Float(?:16|32|64)Array|Big(?:Int|Uint)64Array|DataView|Buffer)<[^>]*>/g;

/** What of a declaration file the oldest compiler that we promise cannot read, by line. */
export function newerTypes(text: string): readonly string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      [...line.matchAll(newerGenerics)].map(
        ([type]) =>
          `${index + 1}: ${OLDEST_COMPILER} does not know ${type}; write the type out in the source`,
      ),
    );
}
