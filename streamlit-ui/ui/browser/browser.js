// An order is carried out once: another tab may have changed the cookie since, and the person may
// have opened the sidebar again.
const NARROW = "(max-width: 768px)"; // where Streamlit lays the sidebar over the page
let kept = 0;
let folded = 0;

export default function ({ data }) {
  if (data.keep && data.keep.number > kept) keep(data.cookie, data.keep);
  if (data.folds > folded) fold(data.folds);
}

function keep(name, { number, token, seconds }) {
  kept = number;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${token}; Path=/; SameSite=Strict; Max-Age=${seconds}${secure}`;
}

function fold(number) {
  folded = number;
  if (!matchMedia(NARROW).matches) return;
  document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
}
