// Medians, quantiles and ratios.

/** A figure that was measured once in each round. Half of the rounds lie within its quartiles. */
export interface Figure {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
}

/** `undefined` for no values at all, or where one is not known. */
export function figure(values: readonly (number | undefined)[]): Figure | undefined {
  const known = values.filter((value) => value !== undefined && Number.isFinite(value)) as number[];
  if (known.length === 0 || known.length < values.length) return undefined;
  const sorted = known.sort((a, b) => a - b);
  return { median: median(sorted), lower: quantile(sorted, 0.25) ?? NaN, upper: quantile(sorted, 0.75) ?? NaN };
}

/**
 * What one subject's figures are to another's: the ratios of the rounds, and only then their median. The two sides of a ratio were
 * measured seconds apart, so that what disturbs the machine for longer disturbs both.
 */
export function ratio(of: readonly (number | undefined)[], to: readonly (number | undefined)[]): Figure | undefined {
  const ratios = of.map((value, round) => {
    const base = to[round];
    return value === undefined || base === undefined ? undefined : value / base;
  });
  return figure(ratios);
}

/** The value below which `q` (0 to 1) of the sorted values lie; the nearest rank. */
export function quantile(sorted: ArrayLike<number>, q: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
