// How one number of a map is computed, shown step by step: patch, kernel, products, sum, activation.
export default function ({ data, parentElement, setTriggerValue }) {
  const { words, steps } = data;
  const say = (value, digits = 2) =>
    value
      .toLocaleString(data.locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
      .replace(/^-(?=.*[1-9])/, "−")
      .replace("-", "");
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // Blue below, red above nothing, as strong as the number is beside the largest of its grid; never
  // so strong that the number could not be read.
  const paint = (cell, value, most) => {
    const strength = Math.round(55 * Math.min(1, Math.abs(value) / (most || 1)));
    const colour = value < 0 ? "#2166ac" : "#b2182b";
    cell.style.background = `color-mix(in srgb, ${colour} ${strength}%, #f7f7f7)`;
    cell.style.color = "#1a1a1a";
  };
  const greatest = (grid) => Math.max(...grid.flat().map(Math.abs));
  const numbers = (grid, inside, name, go, fine, most = greatest(grid)) => {
    const table = make("div", "grid");
    table.style.gridTemplateColumns = `repeat(${grid[0].length}, 1fr)`;
    table.classList.toggle("small", grid[0].length > 3);
    table.setAttribute("role", "img");
    table.setAttribute("aria-label", `${name}: ${grid.map((row) => row.map((v) => say(v)).join(" ")).join("; ")}`);
    grid.forEach((row, y) =>
      row.forEach((value, x) => {
        // A small weight in two digits would not give the product beside it.
        const digits = fine && Math.abs(value) < 0.1 ? 3 : grid[0].length > 3 && !fine ? 1 : 2;
        const cell = make("span", "", say(value, digits));
        paint(cell, value, most);
        if (inside && !inside[y][x]) {
          cell.className = "padding";
          cell.title = words.padding;
        } else if (go) {
          // For the mouse; with the keys one gets there by the map's button and then its grid.
          cell.className = "goes";
          cell.onclick = () => go(y, x);
        }
        table.append(cell);
      }),
    );
    return table;
  };

  const body = make("div", "body");
  const parts = []; // [element, the step from which on it is shown]
  const add = (element, step, into = body) => {
    parts.push([element, step]);
    into.append(element);
    return element;
  };
  const link = (text, target, src) => {
    const button = make("button", "source");
    button.type = "button";
    if (src) {
      const image = make("img");
      image.src = src;
      image.alt = "";
      button.append(image);
    }
    button.append(make("span", "", text));
    if (target) {
      button.title = words.go;
      button.onclick = () => setTriggerValue("walk", target);
    } else button.disabled = true;
    return button;
  };

  steps.forEach((step, at) => {
    const before = steps.slice(0, at).reduce((sum, { phases }) => sum + phases.length, 0);
    const box = add(make("section"), before);
    if (step.rows) {
      const list = make("div", "rows");
      // Single values beside each other are as strong as they are beside each other.
      const most = step.single ? Math.max(...step.rows.map(({ patch }) => greatest(patch))) : undefined;
      list.classList.toggle("narrow", step.rows[0].patch.flat().length === 1);
      step.rows.forEach((row) => {
        const line = make("div", "row");
        line.append(link(row.name, row.target, row.src));
        const place = (y, x) => ({
          ...row.target,
          row: row.corner[0] + y * step.spacing,
          column: row.corner[1] + x * step.spacing,
        });
        const walk = row.corner && ((y, x) => setTriggerValue("walk", place(y, x)));
        line.append(numbers(row.patch, step.inside, words.patch, walk, false, most));
        if (!row.kernel) return void list.append(line);
        const times = add(make("span", "apart"), before + 1, line);
        times.append(make("b", "", "×"), numbers(row.kernel, null, words.kernel, null, true));
        const gives = add(make("span", "apart"), before + (step.single ? 1 : 2), line);
        gives.append(make("b", "", "="), make("output", "", say(row.sum)));
        list.append(line);
      });
      box.append(list);
      const said = [words.hint, step.inside?.flat().includes(false) && words.outside];
      box.append(make("p", "note", said.filter(Boolean).join(" ")));
    }
    if (step.sum) {
      const line = add(make("p", "sum"), before + Math.max(0, step.phases.length - 1), box);
      step.sum.forEach(({ name, value, target }, place) => {
        const text = place && value < 0 ? say(-value) : say(value);
        const sign = place ? (value < 0 ? "− " : "+ ") : "";
        const term = make("span", "term"); // in which no line is broken
        line.append(" ");
        term.append(make("span", "", sign + text), target ? link(name, target) : make("small", "", name));
        line.append(term);
      });
      line.append(" = ", make("b", "", say(step.result)));
      if (step.note) add(make("p", "note", step.note), before + step.phases.length - 1, box);
    }
    if (step.line) {
      const line = add(make("p", "sum", `${step.line} = `), before, box);
      line.append(make("b", "", say(step.result)));
    }
  });

  const phases = steps.flatMap((step) => step.phases);
  const key = data.key;
  // Who has gone through one of this kind to its end sees the next ones whole.
  const known = (parentElement.known ??= new Set());
  if (parentElement.shown?.key !== key)
    parentElement.shown = { key, phase: known.has(data.kind) ? phases.length - 1 : 0 };
  const back = make("button", "step", "◀");
  const next = make("button", "step", "▶");
  const told = make("p", "told");
  told.setAttribute("aria-live", "polite");
  const bar = make("div", "bar");
  back.type = next.type = "button";
  back.setAttribute("aria-label", words.back);
  next.setAttribute("aria-label", words.next);
  back.title = words.back;
  next.title = words.next;
  if (phases.length > 1) bar.append(back, told, next);
  else bar.append(told);

  const show = () => {
    const { phase } = parentElement.shown;
    // What comes in a line of its own takes room only then: the first steps fit a small window.
    parts.forEach(([element, from]) => {
      const way = element.tagName === "P" ? ["display", "none"] : ["visibility", "hidden"];
      element.style[way[0]] = from <= phase ? "" : way[1];
    });
    const count = make("b", "", phases.length > 1 ? `${phase + 1}/${phases.length} ` : "");
    told.replaceChildren(count, phases[phase]);
    back.disabled = phase === 0;
    next.disabled = phase === phases.length - 1;
    next.classList.toggle("inviting", phase === 0 && !next.disabled);
    if (next.disabled) known.add(data.kind);
  };
  const go = (by) => {
    const phase = parentElement.shown.phase + by;
    parentElement.shown.phase = Math.min(phases.length - 1, Math.max(0, phase));
    show();
    // Further down than the window goes, a step would seem to do nothing.
    const [newest] = parts.findLast(([, from]) => from <= parentElement.shown.phase);
    newest.scrollIntoView({ block: "nearest" });
  };
  back.onclick = () => go(-1);
  next.onclick = () => go(1);
  const panel = make("div", "number");
  if (data.title) panel.append(make("p", "title", data.title));
  panel.onkeydown = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    go(by);
  };
  panel.append(bar, body);
  parentElement.querySelector(".number")?.remove();
  parentElement.append(panel);
  show();
}
