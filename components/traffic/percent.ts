/** The precision of a share in percent. */
export const PERCENT_DECIMALS = 2;
export const UNITS_PER_PERCENT = 10 ** PERCENT_DECIMALS;

/** `percent` in units of the last decimal, rounded, since 0.29 * 100 is 28.999999999999996. */
export const percentUnits = (percent: number): number => Math.round(percent * UNITS_PER_PERCENT);

/** `percent` rounded to the allowed number of decimals. */
export const roundedPercent = (percent: number): number => percentUnits(percent) / UNITS_PER_PERCENT;

/** Whether `percent` has at most the allowed number of decimals. */
export const isExactPercent = (percent: number): boolean =>
  Math.abs(percent * UNITS_PER_PERCENT - percentUnits(percent)) < 1e-6;

/** Pattern of a percentage as a text. */
export const PERCENT_TEXT = `^\\d+(\\.\\d{1,${PERCENT_DECIMALS}})?$`;
