// A network from the photo to the answer: one bar a layer, to choose from with mouse or arrow keys.
export default function ({ data, parentElement, setStateValue }) {
  const before = parentElement.querySelector(".network");
  const hadFocus = before?.contains(parentElement.getRootNode().activeElement);
  const scrolled = before?.querySelector(".layers")?.scrollLeft;
  before?.remove();

  const element = (name, className, text) => {
    const made = document.createElement(name);
    made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const network = element("div", "network");
  const row = element("div", "row");
  const photo = element("img", "photo");
  photo.src = data.photo;
  photo.alt = data.photoLabel;

  const layers = element("div", "layers");
  layers.setAttribute("role", "radiogroup");
  layers.setAttribute("aria-label", data.label);
  const told = element("p", "told");
  told.setAttribute("aria-hidden", "true"); // each layer's button says the same
  // Who goes on with the arrow keys is ahead of the server: what it answers late is not the choice.
  if (parentElement.wanted === data.selected) parentElement.wanted = undefined;
  const byName = (wanted) => data.layers.find(({ name }) => name === wanted);
  const chosen = byName(parentElement.wanted) ?? byName(data.selected);
  const tell = (layer) => (told.textContent = layer.told);
  tell(chosen);

  const buttons = [];
  let stage = null;
  let group = null;
  for (const layer of data.layers) {
    if (layer.stage !== stage) {
      stage = layer.stage;
      group = element("div", "stage");
      const bars = element("div", "bars");
      const side = element("span", "side", layer.side);
      side.setAttribute("aria-hidden", "true");
      group.append(bars, side);
      layers.append(group);
    }
    const button = element("button", "layer");
    button.type = "button";
    button.title = layer.told;
    button.setAttribute("role", "radio");
    button.setAttribute("aria-label", layer.told);
    button.setAttribute("aria-checked", String(layer === chosen));
    button.tabIndex = layer === chosen ? 0 : -1;
    const bar = element("span", "bar");
    bar.style.height = `${layer.height}px`;
    bar.style.width = `${layer.width}px`;
    button.append(bar);
    button.onmouseenter = button.onfocus = () => tell(layer);
    button.onmouseleave = () => tell(data.layers[buttons.findIndex((b) => b.ariaChecked === "true")]);
    button.onclick = () => {
      for (const other of buttons) {
        other.setAttribute("aria-checked", String(other === button));
        other.tabIndex = other === button ? 0 : -1;
      }
      parentElement.wanted = layer.name;
      setStateValue("layer", layer.name);
    };
    buttons.push(button);
    group.querySelector(".bars").append(button);
  }
  layers.onkeydown = (event) => {
    const all = buttons.length;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -all, End: all }[
      event.key
    ];
    const from = buttons.indexOf(event.target);
    if (step === undefined || from < 0) return;
    event.preventDefault();
    const to = buttons[Math.min(buttons.length - 1, Math.max(0, from + step))];
    to.focus();
    to.click();
  };
  const answers = element("ol", "answers");
  answers.setAttribute("aria-label", data.answersLabel);
  for (const { name, share, width } of data.answers) {
    const item = element("li", "");
    item.append(element("span", "name", name), element("span", "share", share));
    const bar = element("span", "bar");
    const fill = element("span", "");
    fill.style.width = `${width}%`;
    bar.append(fill);
    if (width !== undefined) item.append(bar);
    answers.append(item);
  }
  if (data.covered) answers.append(element("li", "covered", data.covered));
  const arrows = [element("span", "arrow", "→"), element("span", "arrow", "→")];
  for (const arrow of arrows) arrow.setAttribute("aria-hidden", "true");
  row.append(photo, arrows[0], layers, arrows[1], answers);
  network.append(row, told);
  if (data.hint) network.append(element("p", "hint", data.hint));
  parentElement.append(network);
  const current = buttons.find((button) => button.tabIndex === 0);
  if (hadFocus) current.focus({ preventScroll: true });
  layers.scrollLeft = scrolled ?? 0;
  const edges = [layers.scrollLeft, layers.scrollLeft + layers.clientWidth - current.offsetWidth];
  if (current.offsetLeft < edges[0] || current.offsetLeft > edges[1])
    layers.scrollLeft = current.offsetLeft - layers.clientWidth / 2;
  const hint = () => {
    const beyond = layers.scrollWidth - layers.clientWidth - layers.scrollLeft;
    layers.classList.toggle("more-before", layers.scrollLeft > 4);
    layers.classList.toggle("more-after", beyond > 4);
  };
  layers.onscroll = hint;
  hint();
}
