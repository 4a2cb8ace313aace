// Photos as points in the plane. Pointing at one, or going there with the arrow keys, shows its
// thumbnail; a click or Enter asks the page for the photo itself.
const NS = "http://www.w3.org/2000/svg";
const WIDTH = 640;
const HEIGHT = 420;
const EDGE = 14;

export default function ({ data, parentElement, setStateValue }) {
  const map = document.createElement("div");
  map.className = "feature-map";
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", data.label);
  const card = document.createElement("div");
  card.className = "card";
  card.hidden = true;
  const thumbnail = document.createElement("div");
  thumbnail.className = "thumbnail";
  thumbnail.style.backgroundImage = `url(${data.sprite})`;
  const words = document.createElement("span");
  card.append(thumbnail, words);

  const rows = Math.ceil(data.points.length / data.columns);
  const share = (place, count) => (count > 1 ? (100 * place) / (count - 1) : 0);
  const show = (place) => {
    const point = data.points[place];
    thumbnail.style.backgroundSize = `${100 * data.columns}% ${100 * rows}%`;
    thumbnail.style.backgroundPosition =
      `${share(place % data.columns, data.columns)}% ${share(Math.floor(place / data.columns), rows)}%`;
    words.textContent = point.title;
    card.style.left = `${(100 * across(point)) / WIDTH}%`;
    card.style.top = `${(100 * down(point)) / HEIGHT}%`;
    card.classList.toggle("leftwards", point.x > 0.5);
    card.classList.toggle("upwards", point.y > 0.5);
    card.hidden = false;
  };
  const hide = () => {
    card.hidden = true;
  };
  const across = (point) => EDGE + point.x * (WIDTH - 2 * EDGE);
  const down = (point) => EDGE + point.y * (HEIGHT - 2 * EDGE);

  const marks = data.points.map((point, place) => {
    const mark = document.createElementNS(NS, "circle");
    mark.setAttribute("cx", across(point));
    mark.setAttribute("cy", down(point));
    mark.setAttribute("r", 6);
    mark.setAttribute("fill", data.colours[point.label]);
    mark.setAttribute("role", "button");
    mark.setAttribute("aria-label", point.title);
    mark.setAttribute("tabindex", place === 0 ? "0" : "-1");
    if (point.wrong) mark.classList.add("wrong");
    mark.onpointerenter = mark.onfocus = () => show(place);
    mark.onpointerleave = mark.onblur = hide;
    mark.onclick = () => setStateValue("photo", [data.id, place]);
    svg.append(mark);
    return mark;
  });
  svg.onkeydown = (event) => {
    const from = marks.indexOf(event.target);
    if (from < 0) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      setStateValue("photo", [data.id, from]);
    }
    const to = nearest(from, event.key);
    if (to === null) return;
    event.preventDefault();
    marks[from].setAttribute("tabindex", "-1");
    marks[to].setAttribute("tabindex", "0");
    marks[to].focus();
  };
  // The nearest point that lies rather in the arrow's direction than beside it.
  const nearest = (from, key) => {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key];
    if (!way) return null;
    const here = data.points[from];
    let best = null;
    let least = Infinity;
    data.points.forEach((there, place) => {
      const along = (there.x - here.x) * way[0] + (there.y - here.y) * way[1];
      const beside = Math.abs((there.x - here.x) * way[1]) + Math.abs((there.y - here.y) * way[0]);
      if (along <= 0 || beside > along) return;
      if (along + 2 * beside < least) [best, least] = [place, along + 2 * beside];
    });
    return best;
  };

  const legend = document.createElement("ul");
  data.classes.forEach((name, label) => {
    const entry = document.createElement("li");
    const dot = document.createElement("i");
    dot.style.background = data.colours[label];
    entry.append(dot, name);
    legend.append(entry);
  });
  if (data.points.some((point) => point.wrong)) {
    const entry = document.createElement("li");
    const ring = document.createElement("i");
    ring.className = "ring";
    entry.append(ring, data.wrongWord);
    legend.append(entry);
  }
  const hint = document.createElement("p");
  hint.textContent = data.hint;

  const plot = document.createElement("div");
  plot.className = "plot";
  plot.append(svg, card);
  map.append(plot, legend, hint);
  // A click runs the page again; whoever works with the keys must not lose their place.
  const root = parentElement.getRootNode();
  const old = parentElement.querySelector(".feature-map");
  const focused = old ? [...old.querySelectorAll("circle")].indexOf(root.activeElement) : -1;
  old?.remove();
  parentElement.append(map);
  if (focused >= 0 && focused < marks.length) {
    marks[0].setAttribute("tabindex", "-1");
    marks[focused].setAttribute("tabindex", "0");
    marks[focused].focus();
  }
}
