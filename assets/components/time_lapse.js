// A run as a film to scrub through: a picture, a slider, a button to play. No server is asked.
const left = {}; // the run that was shown last, where it stands, and whether it plays

export default function ({ data, parentElement }) {
  const film = document.createElement("div");
  film.className = "film";
  const image = document.createElement("img");
  const row = document.createElement("div");
  row.className = "row";
  const play = document.createElement("button");
  play.type = "button";
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = data.frames.length - 1;
  slider.setAttribute("aria-label", data.label);
  const label = document.createElement("span");
  row.append(play, slider, label);
  film.append(image, row);

  let timer = null;
  const show = (place) => {
    const { step, src } = data.frames[place];
    left.place = place;
    slider.value = place;
    image.src = src;
    image.alt = label.textContent = data.after.replace("{step}", step);
    slider.setAttribute("aria-valuetext", label.textContent);
  };
  const rest = () => {
    clearInterval(timer);
    timer = null;
    left.plays = false;
    play.textContent = "▶";
    play.setAttribute("aria-label", data.play);
  };
  const go = () => {
    left.plays = true;
    play.textContent = "❚❚";
    play.setAttribute("aria-label", data.pause);
    timer = setInterval(() => {
      const next = Number(slider.value) + 1;
      if (next >= data.frames.length) return rest();
      show(next);
    }, 90);
  };
  play.onclick = () => {
    if (timer) return rest();
    if (Number(slider.value) === data.frames.length - 1) show(0);
    go();
  };
  slider.oninput = () => {
    rest();
    show(Number(slider.value));
  };
  // When the page is drawn again, the film goes on where it was left.
  const { place, plays } = left.run === data.run ? left : { place: data.frames.length - 1 };
  left.run = data.run;
  rest();
  show(place);
  if (plays) go();
  parentElement.querySelector(".film")?.remove();
  parentElement.append(film);
  return () => {
    clearInterval(timer);
    film.remove();
  };
}
