/** How many cells an account gets room for: a few sizes, so that room that became free fits others. */
export const CAPACITIES = [12, 20, 32, 48, 80, 128, 192, 288, 432, 648, 972, 1458, 2916, 5832, 11_664, 23_328, 46_656];
/** The smallest capacity that holds so many, by its place in the list; -1: none does. */
export const capacityClass = (cells: number): number => {
  for (let i = 0; i < CAPACITIES.length; i++) if (CAPACITIES[i]! >= cells) return i;
  return -1;
};
