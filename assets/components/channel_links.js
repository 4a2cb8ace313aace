// Channels beside each other, each with its map and a number; one is gone to with a click.
export default function ({ data, parentElement, setTriggerValue }) {
  const list = document.createElement("ul");
  list.className = "links";
  list.setAttribute("aria-label", data.label);
  data.channels.forEach(({ src, name, short, told, below, target }) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `${name}: ${told}`);
    button.title = name;
    if (src) {
      const image = document.createElement("img");
      image.src = src;
      image.alt = "";
      button.append(image);
    }
    const what = document.createElement("span");
    what.textContent = short;
    const how = document.createElement("b");
    how.textContent = told;
    how.classList.toggle("below", below);
    button.append(how, what);
    button.onclick = () => setTriggerValue("go", target);
    item.append(button);
    list.append(item);
  });
  parentElement.querySelector(".links")?.remove();
  parentElement.append(list);
}
