/** What stands in a field of the form that was submitted. */
export function fieldText(submitted: Event, name: string): string {
  const value = new FormData(submitted.target as HTMLFormElement).get(name);
  return typeof value === "string" ? value : "";
}
