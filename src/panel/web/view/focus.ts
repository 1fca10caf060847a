/** What can have the focus in place of something in it that has gone: it says where one is, and pressing it does nothing. */
const places = ".newcomers, .row, .state, .card";

/**
 * Keeps the focus where somebody works with the keyboard (WCAG 2.2, 2.4.3): when what has it goes away (a Cancel button with
 * its story's end, a message that was put away, a whole page), the nearest thing around it that is still there takes it.
 * Left to the browser, it would fall back to the page's beginning.
 */
export function keepFocus(): void {
  /** What had the focus last, and all around it, outwards. */
  let around: readonly Element[] = [];
  const isNowhere = (): boolean => document.activeElement === null || document.activeElement === document.body;
  document.addEventListener("focusin", ({ target }) => {
    around = target instanceof Element ? outwards(target) : [];
  });
  // Who leaves it by hand (Escape, a click on nothing) wants it nowhere. What goes away is gone by the end of this task.
  document.addEventListener("focusout", ({ target }) =>
    setTimeout(() => {
      if (target === around[0] && around[0]?.isConnected && isNowhere()) around = [];
    }),
  );
  new MutationObserver((changes) => {
    const [had] = around;
    if (!had || !isNowhere()) return;
    // A row that is moved is taken out and put in again: that lets its focus go as well.
    const isMoved = changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.contains(had)));
    if (had.isConnected) return isMoved ? focusOn(had) : undefined;
    const place = around.filter(({ isConnected }) => isConnected).flatMap((one) => placeAt(one) ?? [])[0];
    if (place) focusOn(place);
  }).observe(document.body, { childList: true, subtree: true });
}

function outwards(element: Element): Element[] {
  const parent = element.parentElement;
  return parent ? [element, ...outwards(parent)] : [element];
}

/** The bar and the page have a line of their own that says what they are. */
function placeAt(element: Element): Element | null {
  return element.matches(places) ? element : element.querySelector(":scope > .state, :scope > h1");
}

function focusOn(element: Element): void {
  if (!(element instanceof HTMLElement)) return;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}
