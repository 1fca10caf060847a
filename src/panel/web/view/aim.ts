/** The button that a pointer was last moved on; undefined when its reader has done something else since. */
let pointedAt: Element | null | undefined;

/** Follows what pointers are moved to. */
export function watchAim(): void {
  const point = ({ target }: Event): void => {
    pointedAt = target instanceof Element ? target.closest("button") : null;
  };
  const options = { capture: true, passive: true };
  document.addEventListener("pointermove", point, options);
  // A finger comes down without having been moved over anything.
  document.addEventListener("pointerdown", (event) => event.pointerType !== "mouse" && point(event), options);
  // Who scrolls or types has something else come under a pointer that rests, and wants it there.
  for (const name of ["wheel", "keydown"]) document.addEventListener(name, () => (pointedAt = undefined), options);
}

/**
 * Whether a press of a button was meant for it. What has come under a pointer that rested, because a list went on, was not
 * aimed at; a second press is meant.
 */
export function isAimedAt({ currentTarget, detail }: MouseEvent): boolean {
  // A click without a pointer comes from the keyboard or from an aid.
  if (detail === 0 || !(currentTarget instanceof Element)) return true;
  const isMeant = pointedAt === undefined || pointedAt === currentTarget;
  pointedAt = currentTarget;
  return isMeant;
}
