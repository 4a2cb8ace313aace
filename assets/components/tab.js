// A tab remembers its visitor over a reload; the memory goes with the tab, and no other tab has it.
const KEY = "ideal-cat visitor";
let asked;

const memory = () => {
  try {
    return window.sessionStorage;
  } catch {
    return null; // a browser that allows none, as inside another site's page
  }
};

export default function ({ data, setTriggerValue }) {
  const before = memory()?.getItem(KEY);
  if (!before || before === data.visitor || before === data.gone) {
    memory()?.setItem(KEY, data.visitor);
  } else if (asked !== before) {
    asked = before;
    setTriggerValue("before", before);
  }
}
