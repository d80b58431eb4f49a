// The access token: from the address (#token=…) once, then in this tab only.

const KEY = "intertie.token";

/** Take a token from the address bar, and out of it. */
export function takeFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname + location.search);
}

export function token() {
  return sessionStorage.getItem(KEY);
}

export function forget() {
  sessionStorage.removeItem(KEY);
}

/** Keep a pasted token; the reason why not, if it cannot be one. */
export function keep(text) {
  const given = text.trim().replace(/^Bearer\s+/i, "");
  const found = read(given);
  if (!found) return "This is not a token: it should have three parts, joined by dots.";
  if (isOver(found)) return "This token has expired. Print a new one.";
  sessionStorage.setItem(KEY, given);
  return "";
}

/** The claims of our token, or null when there is none that still holds. */
export function claims() {
  const found = read(token() ?? "");
  return found && !isOver(found) ? found : null;
}

function isOver(found) {
  return typeof found.exp === "number" && found.exp * 1000 <= Date.now();
}

function read(text) {
  const part = text.split(".");
  if (part.length !== 3) return null;
  try {
    const base64 = part[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
