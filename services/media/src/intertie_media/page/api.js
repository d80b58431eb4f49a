// The media services behind the gateway.

import { token } from "./session.js";

export const BASE = "/api/media";

/** An answer that is an error, with the sentence the service gave. */
export class ApiError extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Whether the same request may succeed a little later. */
  get isPassing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 502;
  }
}

export function authorization() {
  return `Bearer ${token() ?? ""}`;
}

/** The error a response stands for. */
export function toError(status, text) {
  let found = {};
  try {
    found = JSON.parse(text);
  } catch {
    // Not a problem document: only the status is left to tell.
  }
  const words = {
    0: "cannot reach the server: check the connection",
    401: "cannot go on: the access token is missing or has expired",
  };
  return new ApiError(words[status] ?? found.detail ?? `the server answered ${status}`, status, found.code);
}

/** The JSON answer, or null when there is none. */
export async function call(method, path, body) {
  const response = await get(path, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return response.status === 204 ? null : response.json();
}

/** The response; `path` is below BASE, or absolute. */
export async function get(path, options = {}) {
  const url = path.startsWith("/") ? path : `${BASE}/${path}`;
  let response;
  try {
    response = await fetch(url, { ...options, headers: { ...options.headers, authorization: authorization() } });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw toError(0, "");
  }
  if (!response.ok) throw toError(response.status, await response.text());
  return response;
}
