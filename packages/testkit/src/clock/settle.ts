/**
 * Lets every promise that can go on do so, whatever the length of its chain: a macrotask comes only after all microtasks.
 * `setImmediate` where there is one, since browsers and Node make timeouts wait a millisecond.
 */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
