import { Command, CommandFlag } from '../codec/constants.js';
import type { NbdRequestHeader } from '../codec/request.js';
import type { NbdServerLimits } from './limits.js';
import type { NbdExport } from './types.js';

const EPERM = 1;
const EINVAL = 22;
const ENOSPC = 28;
const ENOTSUP = 95;

/** What the checks need to know about a session, worked out once when it opens. */
export interface RequestRules {
  readonly sizeBytes: number;
  readonly minimumBlockBytes: number;
  readonly maxRequestBytes: number;
  readonly readOnly: boolean;
  readonly fua: boolean;
  readonly flush: boolean;
  readonly trim: boolean;
  readonly writeZeroes: boolean;
  readonly fastZero: boolean;
  readonly cache: boolean;
  readonly structured: boolean;
  readonly blockStatus: boolean;
}

export function requestRules(
  served: NbdExport,
  limits: NbdServerLimits,
  structured: boolean,
  allocationContext: boolean,
): RequestRules {
  const { features } = served;
  return {
    sizeBytes: served.sizeBytes,
    minimumBlockBytes: served.minimumBlockBytes ?? 1,
    maxRequestBytes: limits.maxRequestBytes,
    readOnly: served.readOnly === true,
    fua: features.fua,
    flush: features.flush,
    trim: features.trim,
    writeZeroes: features.writeZeroes,
    fastZero: features.fastZero === true,
    cache: features.cache === true,
    structured,
    blockStatus: allocationContext && features.blockStatus,
  };
}

/** The one place where a request is judged, before anything is done for it: 0, or the error number of the reply. */
export function validateRequest(rules: RequestRules, request: NbdRequestHeader): number {
  const fua = rules.fua ? CommandFlag.fua : 0;
  switch (request.command) {
    case Command.read:
      if ((request.flags & ~(fua | (rules.structured ? CommandFlag.df : 0))) !== 0) return EINVAL;
      if (request.lengthBytes > rules.maxRequestBytes) return EINVAL;
      return checkRange(rules, request, EINVAL);
    case Command.write:
      if ((request.flags & ~fua) !== 0) return EINVAL;
      if (rules.readOnly) return EPERM;
      if (request.lengthBytes > rules.maxRequestBytes) return EINVAL;
      return checkRange(rules, request, ENOSPC);
    case Command.flush:
      if (!rules.flush || (request.flags & ~fua) !== 0) return EINVAL;
      return request.offsetBytes === 0 && request.lengthBytes === 0 ? 0 : EINVAL;
    case Command.trim:
      if (!rules.trim || (request.flags & ~fua) !== 0) return EINVAL;
      if (rules.readOnly) return EPERM;
      return checkRange(rules, request, EINVAL);
    case Command.cache:
      if (!rules.cache || (request.flags & ~fua) !== 0) return EINVAL;
      return checkRange(rules, request, EINVAL);
    case Command.writeZeroes:
      return checkWriteZeroes(rules, request, fua);
    case Command.blockStatus:
      if (!rules.blockStatus || (request.flags & ~(fua | CommandFlag.requestOne)) !== 0) return EINVAL;
      if (request.lengthBytes === 0) return EINVAL;
      return checkRange(rules, request, EINVAL);
    default:
      return EINVAL;
  }
}

function checkWriteZeroes(rules: RequestRules, request: NbdRequestHeader, fua: number): number {
  if (!rules.writeZeroes) return EINVAL;
  if ((request.flags & ~(fua | CommandFlag.noHole | CommandFlag.fastZero)) !== 0) return EINVAL;
  if (rules.readOnly) return EPERM;
  if ((request.flags & CommandFlag.fastZero) !== 0 && !rules.fastZero) return ENOTSUP;
  return checkRange(rules, request, ENOSPC);
}

function checkRange(rules: RequestRules, request: NbdRequestHeader, outside: number): number {
  // The offset may be Infinity, and the sum is exact only below 2^53: compare by subtraction.
  if (request.offsetBytes > rules.sizeBytes) return outside;
  if (request.lengthBytes > rules.sizeBytes - request.offsetBytes) return outside;
  const { minimumBlockBytes } = rules;
  if (minimumBlockBytes === 1) return 0;
  const aligned =
    request.offsetBytes % minimumBlockBytes === 0 && request.lengthBytes % minimumBlockBytes === 0;
  return aligned ? 0 : EINVAL;
}
