// A feature map to choose one of its values on, with the mouse, a finger or the arrow keys.
export default function ({ data, parentElement, setStateValue }) {
  const { columns, rows, values } = data;
  // Who goes on with the arrow keys is ahead of the server: what it answers late is not the choice.
  const same = parentElement.wanted?.map === data.map;
  if (same && String(parentElement.wanted.place) === String(data.selected)) {
    parentElement.wanted = undefined;
  }
  let [row, column] = (same && parentElement.wanted?.place) || data.selected;

  const grid = document.createElement("div");
  grid.className = "values";
  grid.tabIndex = 0;
  grid.setAttribute("role", "application");
  grid.setAttribute("aria-label", data.label);
  const image = document.createElement("img");
  image.src = data.src;
  image.alt = "";
  const mark = document.createElement("span");
  mark.className = "mark";
  const told = document.createElement("output");
  grid.append(image, mark);

  const show = () => {
    mark.style.left = `${(100 * column) / columns}%`;
    mark.style.top = `${(100 * row) / rows}%`;
    mark.style.width = `${100 / columns}%`;
    mark.style.height = `${100 / rows}%`;
    told.textContent = tell(row, column);
  };
  const tell = (row, column) => {
    const value = values[row * columns + column].toLocaleString(data.locale, {
      minimumFractionDigits: 2,
      maximumFractionDigits: 2,
    });
    return `${data.row} ${row}, ${data.column} ${column}: ${value.replace(/^-(?=.*[1-9])/, "−").replace("-", "")}`;
  };
  const choose = (newRow, newColumn) => {
    row = Math.min(rows - 1, Math.max(0, newRow));
    column = Math.min(columns - 1, Math.max(0, newColumn));
    parentElement.wanted = { map: data.map, place: [row, column] };
    show();
    setStateValue("place", { map: data.map, row, column });
  };
  const under = (event) => {
    const box = image.getBoundingClientRect();
    const along = (at, start, size, count) =>
      Math.min(count - 1, Math.max(0, Math.floor(((at - start) / size) * count)));
    return [
      along(event.clientY, box.top, box.height, rows),
      along(event.clientX, box.left, box.width, columns),
    ];
  };
  grid.onclick = (event) => choose(...under(event));
  grid.onpointermove = (event) => (told.textContent = tell(...under(event)));
  grid.onpointerleave = show;
  grid.onkeydown = (event) => {
    const step = {
      ...{ ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] },
    }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    choose(row + step[0], column + step[1]);
  };

  // A choice redraws the map; whoever works with the keys must not lose their place.
  const shown = parentElement.querySelector(".values");
  const hadFocus = shown && shown === parentElement.getRootNode().activeElement;
  const hint = document.createElement("p");
  hint.textContent = data.hint;
  parentElement.querySelectorAll(".values, output, p").forEach((element) => element.remove());
  parentElement.append(grid, hint, told);
  show();
  if (hadFocus) grid.focus();
}
