/** Every `checks` list found anywhere in the value, flattened. */
function findChecks(value) {
  if (Array.isArray(value)) return value.flatMap(findChecks);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'checks' && Array.isArray(inner) ? inner : findChecks(inner),
  );
}

/** The output is one JSON document, or one per line. */
function parse(output) {
  try {
    return [JSON.parse(output)];
  } catch {
    return output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }
}

/** Counts the claims `{ name, passed, detail }` of a demonstration's JSON and says each in one line. */
export function countClaims(output, code) {
  let checks = [];
  const lines = [];
  let failed = 0;
  try {
    checks = findChecks(parse(output));
  } catch (error) {
    lines.push(`the demonstration printed no JSON: ${error.message}`);
    failed += 1;
  }
  for (const { name, passed, detail } of checks) {
    lines.push(passed === true ? `proved  ${name}` : `FAILED  ${name}: ${detail}`);
  }
  const good = checks.filter(({ passed }) => passed === true).length;
  failed += checks.length - good;
  if (failed === 0 && checks.length === 0) {
    lines.push('the demonstration proved nothing: its JSON has no `checks`');
    failed += 1;
  }
  if (failed === 0 && code !== 0) {
    lines.push(`the demonstration ended with code ${code}`);
    failed += 1;
  }
  return { passed: good, failed, lines };
}
