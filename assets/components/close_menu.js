// On a phone the side bar lies over the page: once another page is chosen, or loaded, it closes.
const PHONE = "(max-width: 768px)"; // as Streamlit has it
let shown;

export default function ({ data }) {
  if (shown === data.page || !window.matchMedia(PHONE).matches) return;
  shown = data.page;
  const button = document.querySelector('[data-testid="stSidebarCollapseButton"] button');
  const side = document.querySelector('[data-testid="stSidebar"]');
  if (side?.getBoundingClientRect().right > 0) button?.click();
}
