// The way back from a class: channels as buttons, column by column, with lines as thick as what
// each gives to the one on its left. A click asks the page for the channel.
const NS = "http://www.w3.org/2000/svg";

export default function ({ data, parentElement, setTriggerValue }) {
  const element = (name, className, text) => {
    const made = document.createElement(name);
    made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const trace = element("div", "trace");
  const tree = element("div", "tree");
  tree.setAttribute("role", "group");
  tree.setAttribute("aria-label", data.label);
  tree.style.setProperty("--rows", data.rows);
  tree.style.setProperty("--columns", data.columns.length);
  const lines = document.createElementNS(NS, "svg");
  lines.setAttribute("aria-hidden", "true");
  tree.append(lines);

  data.columns.forEach(({ title, name }, column) => {
    const head = element("div", "column", title);
    head.append(element("small", "", name));
    head.style.gridArea = `1 / ${column + 2}`;
    tree.append(head);
  });
  const answer = element("div", "answer");
  answer.append(element("strong", "", data.answer.name), data.answer.logit);
  if (data.answer.share) answer.append(document.createElement("br"), data.answer.share);
  answer.style.gridArea = `2 / 1 / ${data.rows + 2} / 2`;
  tree.append(answer);

  const picture = (source) => {
    const image = document.createElement("img");
    image.src = source;
    image.alt = ""; // the button's name says what it is
    return image;
  };
  const buttons = data.knots.map((knot, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = knot.told;
    button.setAttribute("aria-label", knot.told);
    button.style.gridArea = `${knot.row + 2} / ${knot.column + 2} / span ${knot.rows}`;
    button.append(picture(knot.map));
    if (knot.ideal) button.append(picture(knot.ideal));
    const words = element("span", "", knot.channel);
    words.append(element("strong", "", knot.amount));
    button.append(words);
    button.onclick = () => setTriggerValue("knot", place);
    tree.append(button);
    return button;
  });

  const draw = () => {
    lines.replaceChildren(
      ...data.knots.map((knot, place) => {
        const [from, to] = [knot.parent === null ? answer : buttons[knot.parent], buttons[place]];
        const middle = (box) => box.offsetTop + box.offsetHeight / 2;
        const [left, right] = [from.offsetLeft + from.offsetWidth, to.offsetLeft];
        const path = document.createElementNS(NS, "path");
        const half = (left + right) / 2;
        path.setAttribute(
          "d",
          `M${left},${middle(from)} C${half},${middle(from)} ${half},${middle(to)} ${right},${middle(to)}`,
        );
        path.setAttribute("stroke-width", knot.width);
        if (knot.against) path.setAttribute("class", "against");
        return path;
      }),
    );
  };

  // Each picture that is drawn redraws the tree; whoever works with the keys must not lose their place.
  const old = parentElement.querySelector(".trace");
  const focused = old
    ? [...old.querySelectorAll("button")].indexOf(parentElement.getRootNode().activeElement)
    : -1;
  const scrolled = old?.scrollLeft ?? 0;
  old?.remove();
  trace.append(tree);
  parentElement.append(trace);
  trace.scrollLeft = scrolled;
  buttons[focused]?.focus({ preventScroll: true });
  const watcher = new ResizeObserver(draw);
  watcher.observe(tree);
  return () => watcher.disconnect();
}
