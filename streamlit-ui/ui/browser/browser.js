// An order is carried out once: another tab may have changed the cookie since, and the person may
// have opened the sidebar again.
const NARROW = "(max-width: 768px)"; // where Streamlit lays the sidebar over the page
const kept = {}; // the number of the newest order, by cookie
let folded = 0;

export default function ({ data }) {
  for (const order of data.keeps) {
    if (order.number > (kept[order.cookie] ?? 0)) keep(order);
  }
  if (data.folds > folded) fold(data.folds);
}

function keep({ cookie, number, token, seconds }) {
  kept[cookie] = number;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${cookie}=${token}; Path=/; SameSite=Strict; Max-Age=${seconds}${secure}`;
}

function fold(number) {
  folded = number;
  if (!matchMedia(NARROW).matches) return;
  document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
}
