/** Optimal string alignment: insert, delete, replace and swap of neighbours cost one each. */
function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let col = 1; col <= right.length; col++) {
      const replaced = (previous[col - 1] ?? 0) + (left[row - 1] === right[col - 1] ? 0 : 1);
      const isSwap = row > 1 && col > 1 && left[row - 1] === right[col - 2] && left[row - 2] === right[col - 1];
      const swapped = isSwap ? (beforePrevious[col - 2] ?? 0) + 1 : Infinity;
      current.push(Math.min(replaced, swapped, (previous[col] ?? 0) + 1, (current[col - 1] ?? 0) + 1));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}

/** The known word a mistyped or shortened one was probably meant to be, or undefined when none is near. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((left, right) => left.distance - right.distance);
  const best = ranked[0];
  if (best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 3))) return best.candidate;
  const longer = known.filter(
    (candidate) => word.length >= 3 && candidate.toLowerCase().startsWith(word.toLowerCase()),
  );
  return longer.length === 1 ? longer[0] : undefined;
}
