import { type Address, HoldfastError } from '@holdfast/core';

export type ParsedAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** What fits into the kernel's sockaddr_un, without the closing zero. A longer path would be cut without a word. */
const LONGEST_SOCKET_PATH_BYTES = 107;

/** @throws CONFIG_INVALID for anything but `unix:/path` and `tcp:host:port`. */
export function parseAddress(address: Address): ParsedAddress {
  if (address.startsWith('unix:')) return { kind: 'unix', path: socketPath(address) };
  const match = /^tcp:(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `'${address}' is no address. Write unix:/path/to/socket, tcp:host:port or tcp:[ipv6]:port.`,
    );
  }
  return { kind: 'tcp', host, port };
}

export function formatTcp(host: string, port: number): Address {
  return host.includes(':') ? `tcp:[${host}]:${String(port)}` : `tcp:${host}:${String(port)}`;
}

/** Whether a numeric address never leaves this machine. */
export function isLoopback(host: string): boolean {
  return /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(host) || host === '::1';
}

function socketPath(address: Address): string {
  const path = address.slice('unix:'.length);
  const bytes = new TextEncoder().encode(path).length;
  if (!path.startsWith('/') || path.includes('\0')) {
    throw new HoldfastError('CONFIG_INVALID', `'${address}' is no address: a socket's path is absolute.`);
  }
  if (bytes > LONGEST_SOCKET_PATH_BYTES) {
    throw new HoldfastError(
      'CONFIG_INVALID',
      `The socket path ${path} has ${String(bytes)} bytes; the system takes ${String(LONGEST_SOCKET_PATH_BYTES)}. Choose a shorter folder.`,
    );
  }
  return path;
}
