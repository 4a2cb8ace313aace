// Brings what a run shows into sight when the run begins: whoever presses a button sees what it does.
// A page that is still being made grows and shrinks, so what was brought is held until all is calm.
const begun = []; // all runs, in the order in which they began
let over = 0; // so many of them, from the first on, move the page no more
const TOOLBAR = 64; // pixels at the top that Streamlit's own bar covers, at least
const ENOUGH = 0.7; // of a window: as much of it has to be in sight
const SETTLED = 900; // milliseconds until what belonged to the run before has gone
const AGAIN = 150; // milliseconds between two looks
const LONGEST = 5000; // milliseconds that a page whose server goes on working is held
const MAIN = '[data-testid="stMain"]'; // what scrolls

const toolbar = () => {
  const bar = document.querySelector('[data-testid="stHeader"]')?.getBoundingClientRect();
  return Math.max(TOOLBAR, bar?.bottom ?? 0); // it is higher on a projector
};
const covered_above = (element) => {
  const question = answered();
  if (!question || question.contains(element)) return toolbar();
  const { position, top } = getComputedStyle(question);
  return position === "sticky" ? parseFloat(top) + question.offsetHeight : toolbar();
};
const answered = () => document.querySelector(".st-key-scene_is_answered")?.parentElement;
const is_working = () => document.querySelector('[data-test-script-state="running"]') !== null;

// How many pixels down the page has to go until an element is seen, or that part of a window of it.
const short_of_seeing = (element, part) => {
  const { top, bottom, height } = element.getBoundingClientRect();
  const roof = covered_above(element);
  const enough = Math.min(height, part * (window.innerHeight - roof));
  if (Math.min(bottom, window.innerHeight) - Math.max(top, roof) > enough - 1) return 0;
  return top < roof ? top - roof : top + enough - window.innerHeight;
};

// The same until what begins at a place is high up, with an element above it that is not cut.
const short_of_beginning = (place, above) => {
  const roof = covered_above(above);
  const [begins, top] = [place, above].map((element) => element.getBoundingClientRect().top);
  if (begins >= 0 && begins < (1 - ENOUGH) * window.innerHeight && top > roof - 1) return 0;
  // What sticks to the top is always in sight: where it began is meant.
  const sticks = answered()?.contains(above) && !answered().contains(place);
  return (sticks ? begins : top) - roof;
};

// Who scrolls looks where they want to.
["wheel", "touchmove", "keydown"].forEach((gesture) =>
  window.addEventListener(gesture, () => (over = begun.length), { capture: true, passive: true }),
);
window.addEventListener("pointerdown", ({ target }) => {
  if (target === document.querySelector(MAIN)) over = begun.length; // its scroll bar
});

export default function ({ data, parentElement }) {
  const run = `${data.above} ${data.run}`;
  if (!data.run) return;
  if (!begun.includes(run)) begun.push(run);
  const number = begun.indexOf(run);
  if (number < over) return;
  const scroller = document.querySelector(MAIN);
  const place = parentElement.host ?? parentElement;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  let timer, last, still_since;

  const look = () => {
    if (number < over) return;
    timer = setTimeout(look, AGAIN);
    const is_new = (element) => !element.querySelector('[data-stale="true"]');
    const above = [...document.querySelectorAll(data.above)].find(is_new);
    if (!above) return; // it is still being made
    if (scroller.scrollTop !== last) {
      last = scroller.scrollTop;
      still_since = Date.now();
    } else {
      const down = data.just ? short_of_seeing(above, data.just) : short_of_beginning(place, above);
      if (down) {
        over = number; // what began before was pressed for before
        scroller.scrollBy({ top: down, behavior: calm ? "auto" : "smooth" });
      }
    }
    const still = Date.now() - still_since;
    if (still > (is_working() ? LONGEST : SETTLED)) over = number + 1;
  };
  timer = setTimeout(look, SETTLED);
  return () => clearTimeout(timer);
}
