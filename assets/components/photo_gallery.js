// A grid of thumbnails to choose one from, with the mouse or the arrow keys.
export default function ({ data, parentElement, setStateValue }) {
  const gallery = document.createElement("div");
  gallery.className = "gallery";
  gallery.setAttribute("role", "radiogroup");
  gallery.setAttribute("aria-label", data.label);

  const buttons = data.photos.map(({ id, title, src }) => {
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = src;
    image.alt = title;
    button.title = title;
    button.type = "button";
    button.dataset.photo = id;
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", String(id === data.selected));
    button.tabIndex = id === data.selected ? 0 : -1;
    button.append(image);
    button.onclick = () => setStateValue("choice", id);
    return button;
  });
  gallery.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 4, ArrowUp: -4 }[event.key];
    const from = buttons.indexOf(event.target);
    if (step === undefined || from < 0) return;
    event.preventDefault();
    const to = buttons[Math.min(buttons.length - 1, Math.max(0, from + step))];
    to.focus();
    to.click();
  };
  gallery.append(...buttons);
  parentElement.querySelector(".gallery")?.remove();
  parentElement.append(gallery);
  return () => gallery.remove();
}
