// Two pictures on top of each other, and a slider that uncovers one or the other.
export default function ({ data, parentElement }) {
  const frame = document.createElement("div");
  frame.className = "before-after";
  const [under, over] = [data.after, data.before].map(({ src, label }) => {
    const image = document.createElement("img");
    image.src = src;
    image.alt = label;
    return image;
  });
  over.className = "over";
  const [left, right] = [data.before, data.after].map(({ label }, place) => {
    const caption = document.createElement("span");
    caption.className = place ? "right" : "left";
    caption.textContent = label;
    return caption;
  });
  const line = document.createElement("div");
  line.className = "line";
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = 100;
  // Where somebody left it, when the page is drawn again.
  slider.value = parentElement.querySelector(".before-after input")?.value ?? 50;
  slider.setAttribute("aria-label", data.label);
  const uncover = () => frame.style.setProperty("--share", `${slider.value}%`);
  slider.oninput = uncover;
  uncover();
  frame.append(under, over, line, left, right, slider);
  parentElement.querySelector(".before-after")?.remove();
  parentElement.append(frame);
}
