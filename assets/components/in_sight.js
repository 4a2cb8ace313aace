// Brings what a run shows into sight when the run begins: whoever presses a button sees what it does.
const shown = new Set();
const TOOLBAR = 64; // pixels at the top that Streamlit's own bar covers, at least
const ENOUGH = 0.7; // of a window: as much of it has to be in sight
const PART = 0.3; // of a window: as much is enough to see what has changed
const SETTLED = 900; // milliseconds until what belonged to the run before has gone

const covered = () => {
  const question = document.querySelector(".st-key-scene_is_answered")?.parentElement;
  const { position, top } = question ? getComputedStyle(question) : {};
  if (position === "sticky") return parseFloat(top) + question.offsetHeight;
  const bar = document.querySelector('[data-testid="stHeader"]')?.getBoundingClientRect();
  return Math.max(TOOLBAR, bar?.bottom ?? 0); // it is higher on a projector
};

const is_seen = (element) => {
  const { top, bottom, height } = element.getBoundingClientRect();
  const seen = Math.min(bottom, window.innerHeight) - Math.max(top, covered());
  return seen >= Math.min(height, PART * window.innerHeight);
};

export default function ({ data, parentElement }) {
  const run = `${data.above} ${data.run}`;
  if (!data.run || shown.has(run)) return;
  let timer;
  const move = () => {
    const is_new = (element) => !element.querySelector('[data-stale="true"]');
    const above = [...document.querySelectorAll(data.above)].find(is_new);
    if (!above) return wait(); // it is still being made
    shown.add(run);
    const place = (parentElement.host ?? parentElement).getBoundingClientRect();
    const is_high_enough = place.top >= 0 && place.top < (1 - ENOUGH) * window.innerHeight;
    if (data.just ? is_seen(above) : is_high_enough) return;
    above.style.scrollMarginTop = `${covered()}px`;
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    above.scrollIntoView({
      block: data.just ? "nearest" : "start",
      behavior: calm ? "auto" : "smooth",
    });
  };
  const wait = () => (timer = setTimeout(move, SETTLED));
  wait();
  return () => clearTimeout(timer);
}
