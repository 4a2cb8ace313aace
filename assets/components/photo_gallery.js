// A grid of thumbnails to choose one from, with the mouse or the arrow keys. A photo may have a mark,
// and the last place may say how many more there are.
export default function ({ data, parentElement, setStateValue }) {
  const gallery = document.createElement("div");
  gallery.className = "gallery";
  const columns = data.columns ?? 4;
  gallery.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  gallery.setAttribute("role", "radiogroup");
  gallery.setAttribute("aria-label", data.label);

  const reached = data.photos.some(({ id }) => id === data.selected) ? data.selected : data.photos[0]?.id;
  const buttons = data.photos.map(({ id, title, src, mark }) => {
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = src;
    image.alt = title;
    button.title = title;
    button.type = "button";
    button.dataset.photo = id;
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", String(id === data.selected));
    button.tabIndex = id === reached ? 0 : -1;
    button.append(image);
    if (mark) button.append(Object.assign(document.createElement("span"), { textContent: mark }));
    button.onclick = () => setStateValue("choice", id);
    return button;
  });
  gallery.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    const from = buttons.indexOf(event.target);
    if (step === undefined || from < 0) return;
    event.preventDefault();
    const to = buttons[Math.min(buttons.length - 1, Math.max(0, from + step))];
    to.focus();
    to.click();
  };
  gallery.append(...buttons);
  if (data.more)
    gallery.append(Object.assign(document.createElement("p"), { textContent: data.more }));
  // A choice redraws the gallery; whoever works with the keys must not lose their place.
  const before = parentElement.querySelector(".gallery");
  const hadFocus = before?.contains(parentElement.getRootNode().activeElement);
  before?.remove();
  parentElement.append(gallery);
  if (hadFocus) buttons.find((button) => button.tabIndex === 0)?.focus();
}
