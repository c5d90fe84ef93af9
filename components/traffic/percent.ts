/** How exact a share in percent may be: the one place for the number of decimals. */
export const PERCENT_DECIMALS = 2;
export const UNITS_PER_PERCENT = 10 ** PERCENT_DECIMALS;

/** `percent` in whole units: 0.29 * 100 is 28.999999999999996 in binary. */
export const percentUnits = (percent: number): number => Math.round(percent * UNITS_PER_PERCENT);

/** `percent` with as many decimals as are allowed. */
export const roundedPercent = (percent: number): number => percentUnits(percent) / UNITS_PER_PERCENT;

/** Whether `percent` has no more decimals than are allowed. */
export const isExactPercent = (percent: number): boolean =>
  Math.abs(percent * UNITS_PER_PERCENT - percentUnits(percent)) < 1e-6;

/** Text of such a number. */
export const PERCENT_TEXT = `^\\d+(\\.\\d{1,${PERCENT_DECIMALS}})?$`;
