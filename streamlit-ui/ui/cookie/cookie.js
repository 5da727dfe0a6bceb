// Writes the cookie of the sign-in. An order is carried out once: another tab may have changed the
// cookie since.
let done = 0;

export default function ({ data }) {
  if (data.number <= done) return;
  done = data.number;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie =
    `${data.name}=${data.value}; Path=/; SameSite=Strict; Max-Age=${data.seconds}${secure}`;
}
