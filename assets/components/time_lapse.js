// A run as a film to scrub through: a picture, a slider, a button to play. No server is asked.
export default function ({ data, parentElement }) {
  const whole = JSON.stringify(data);
  const before = parentElement.querySelector(".film");
  if (before?.whole === whole) return; // the page is drawn again: who scrubs or plays goes on
  const film = document.createElement("div");
  film.className = "film";
  film.whole = whole;
  film.run = data.run;
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
    slider.value = place;
    image.src = src;
    image.alt = label.textContent = data.after.replace("{step}", step);
    slider.setAttribute("aria-valuetext", label.textContent);
  };
  const rest = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", data.play);
  };
  play.onclick = () => {
    if (timer) return rest();
    if (Number(slider.value) === data.frames.length - 1) show(0);
    play.textContent = "❚❚";
    play.setAttribute("aria-label", data.pause);
    timer = setInterval(() => {
      const next = Number(slider.value) + 1;
      if (next >= data.frames.length) return rest();
      show(next);
    }, 90);
  };
  slider.oninput = () => {
    rest();
    show(Number(slider.value));
  };
  rest();
  // With another contrast it is the same run, and stands where somebody left it.
  const left = before?.run === data.run ? Number(before.querySelector("input").value) : null;
  show(left ?? data.frames.length - 1);
  before?.remove();
  parentElement.append(film);
}
