/** 64 bits of a text, in hexadecimal: FNV-1a over two lanes. For comparing two runs, not against anybody's malice. */
export function fingerprintOf(text: string): string {
  let one = 0x811c9dc5;
  let other = 0x01000193;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    one = Math.imul(one ^ code, 0x01000193);
    other = Math.imul(other ^ (code + at), 0x85ebca6b);
  }
  return [one, other].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}
