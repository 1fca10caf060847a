/** A number with its noun: `1 record`, `2 records`. @param noun of one; its plural ends in a plain s */
export function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
