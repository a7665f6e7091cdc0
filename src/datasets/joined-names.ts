/** Of every name in a pair, the first name by which all that hang together are called. */
export function joinedNames(pairs: readonly (readonly [string, string])[]): Map<string, string> {
  const parent = new Map<string, string>();
  const rootOf = (name: string): string => {
    const above = parent.get(name) ?? name;
    return above === name ? name : rootOf(above);
  };
  for (const [one, other] of pairs) {
    const [first = one, second = other] = [rootOf(one), rootOf(other)].sort();
    parent.set(first, first);
    parent.set(second, first);
  }
  return new Map([...parent.keys()].map((name) => [name, rootOf(name)]));
}
