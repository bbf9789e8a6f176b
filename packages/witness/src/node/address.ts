import { type Address, HoldfastError } from '@holdfast/core';

export type Place =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** What fits into the kernel's address of a Unix socket. A longer path would be cut without a word. */
export const socketPathBytesMax = 107;

/** @throws HoldfastError CONFIG_INVALID for anything but `unix:/path` and `tcp:host:port`. */
export function parseAddress(address: Address): Place {
  if (address.startsWith('unix:/')) return { kind: 'unix', path: address.slice('unix:'.length) };
  const match = /^tcp:(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `"${address}" is no address. Write unix:/path/to/socket, tcp:host:port or tcp:[ipv6]:port.`,
    );
  }
  return { kind: 'tcp', host, port };
}

export function formatTcp(host: string, port: number): Address {
  return host.includes(':') ? `tcp:[${host}]:${port}` : `tcp:${host}:${port}`;
}

/** Whether an address given in numbers never leaves this machine. A name could be made to point elsewhere. */
export function isLoopback(host: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(host) || host === '::1';
}

/** @throws HoldfastError CONFIG_INVALID unless what travels is encrypted, or stays on this machine by an explicit word. */
export function checkPlainText(
  address: Address,
  place: Place,
  hasTls: boolean,
  insecureLoopback: boolean,
): void {
  if (place.kind === 'unix' || hasTls) return;
  if (insecureLoopback && isLoopback(place.host)) return;
  throw new HoldfastError(
    'CONFIG_INVALID',
    `${address} would go in plain text. Give tls; or, on 127.0.0.1 or [::1] only, say insecureLoopback: true; or use unix:/path.`,
  );
}
