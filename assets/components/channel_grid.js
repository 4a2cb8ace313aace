// A grid over a mosaic of channels, to choose one with the mouse or the arrow keys.
export default function ({ data, parentElement, setStateValue }) {
  const { columns, rows } = data;
  const grid = document.createElement("div");
  grid.className = "channels";
  grid.setAttribute("role", "radiogroup");
  grid.setAttribute("aria-label", data.label);
  grid.style.aspectRatio = `${columns} / ${rows}`;
  grid.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  grid.style.gridTemplateRows = `repeat(${rows}, 1fr)`;

  // Who goes on with the arrow keys is ahead of the server: what it answers late is not the choice.
  if (parentElement.wanted === data.selected) parentElement.wanted = undefined;
  const ahead = data.channels.includes(parentElement.wanted);
  const selected = ahead ? parentElement.wanted : data.selected;
  const buttons = data.channels.map((channel) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = `${data.word} ${channel}`;
    button.setAttribute("role", "radio");
    button.setAttribute("aria-label", button.title);
    button.setAttribute("aria-checked", String(channel === selected));
    button.tabIndex = channel === selected ? 0 : -1;
    button.onclick = () => {
      parentElement.wanted = channel;
      setStateValue("channel", channel);
    };
    return button;
  });
  grid.onkeydown = (event) => {
    const all = buttons.length;
    const step = {
      ...{ ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns },
      ...{ Home: -all, End: all },
    }[event.key];
    const from = buttons.indexOf(event.target);
    if (step === undefined || from < 0) return;
    event.preventDefault();
    const to = buttons[Math.min(buttons.length - 1, Math.max(0, from + step))];
    to.focus();
    to.click();
  };
  grid.append(...buttons);
  // A click redraws the grid; whoever works with the keys must not lose their place.
  const hadFocus = parentElement.querySelector(".channels")?.contains(
    parentElement.getRootNode().activeElement,
  );
  parentElement.querySelector(".channels")?.remove();
  parentElement.append(grid);
  if (hadFocus) buttons.find((button) => button.tabIndex === 0)?.focus();
}
