import { expect, test } from 'vitest';
import { newerTypes } from './declarations.js';

test('a type that a newer compiler has inferred is found in the declarations, with its line', () => {
  const text = [
    'declare class KeyBuffer {',
    '    words: Int32Array<ArrayBuffer>;',
    '    length: number;',
    '}',
    'declare const view: DataView<ArrayBufferLike>;',
  ].join('\n');
  expect(newerTypes(text)).toEqual([
    '2: TypeScript 5.4 does not know Int32Array<ArrayBuffer>; write the type out in the source',
    '5: TypeScript 5.4 does not know DataView<ArrayBufferLike>; write the type out in the source',
  ]);
});

test('what every compiler knows is left alone', () => {
  const text =
    'declare function read(bytes: Uint8Array, views: readonly DataView[]): Promise<Map<string, Uint8Array>>;';
  expect(newerTypes(text)).toEqual([]);
});
