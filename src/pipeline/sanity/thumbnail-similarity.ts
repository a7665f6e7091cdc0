/**
 * Pearson correlation of two equally large luminance thumbnails, -1 to 1: insensitive to a lamp that is brighter or
 * darker as a whole, sensitive to edges that moved. Flat thumbnails correlate with nothing: 0.
 */
export function thumbnailSimilarity(left: Uint8Array, right: Uint8Array): number {
  if (left.length !== right.length) return 0;
  let sumLeft = 0;
  let sumRight = 0;
  for (let at = 0; at < left.length; at++) {
    sumLeft += left[at] ?? 0;
    sumRight += right[at] ?? 0;
  }
  const meanLeft = sumLeft / left.length;
  const meanRight = sumRight / right.length;
  let both = 0;
  let squaresLeft = 0;
  let squaresRight = 0;
  for (let at = 0; at < left.length; at++) {
    const fromLeft = (left[at] ?? 0) - meanLeft;
    const fromRight = (right[at] ?? 0) - meanRight;
    both += fromLeft * fromRight;
    squaresLeft += fromLeft * fromLeft;
    squaresRight += fromRight * fromRight;
  }
  const scale = Math.sqrt(squaresLeft * squaresRight);
  return scale === 0 ? 0 : both / scale;
}
