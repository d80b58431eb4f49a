// The page: who is signed in, the list, what is being uploaded.

import { call } from "./api.js";
import * as cards from "./cards.js";
import { follow } from "./live.js";
import * as player from "./player.js";
import * as session from "./session.js";
import { Upload } from "./upload.js";

const LIMIT = 24;
const POLL_MS = 3_000;
const HEALTH_MS = 10_000;
const TOAST_MS = 8_000;

const find = (selector) => document.querySelector(selector);
const shown = new Map();
let total = 0;
let pages = 1;
let live = null;
let polling = null;

session.takeFromAddress();
theme();
player.setUp(() => signOut("The access token is not accepted any more. Print a new one with:"));
find("#leave").addEventListener("click", () => signOut());
find("#sign-in form").addEventListener("submit", signIn);
find("#files").addEventListener("change", (event) => {
  send(event.target.files);
  event.target.value = "";
});
find("#more").addEventListener("click", () => {
  pages += 1;
  guard(refresh());
});
addEventListener("hashchange", () => {
  session.takeFromAddress();
  open();
});
dropping();
health();
setInterval(health, HEALTH_MS);
open();

function open() {
  const who = session.claims();
  find("#sign-in").hidden = Boolean(who);
  find("#library").hidden = !who;
  find("#user").hidden = find("#leave").hidden = !who;
  if (!who) {
    if (session.token()) find("#sign-in-why").textContent = "The access token has expired. Print a new one with:";
    find("#token").focus();
    return;
  }
  find("#user span").textContent = who.sub;
  find("#user i").textContent = who.sub.slice(0, 1);
  listen();
}

function signIn(event) {
  event.preventDefault();
  const fault = session.keep(find("#token").value);
  find("#token-fault").textContent = fault;
  find("#token-fault").hidden = !fault;
  if (fault) return;
  find("#token").value = "";
  open();
}

function signOut(why = "This page needs an access token of the suite. Print one with:") {
  live?.abort();
  clearInterval(polling);
  session.forget();
  player.close();
  shown.clear();
  find("#grid").replaceChildren();
  open();
  find("#sign-in-why").textContent = why;
}

/** Follow the events; poll while they cannot be had. */
function listen() {
  live?.abort();
  live = new AbortController();
  clearInterval(polling);
  guard(
    follow({
      path: "events",
      signal: live.signal,
      onOpen: () => {
        clearInterval(polling);
        guard(refresh());
      },
      onDown: () => {
        clearInterval(polling);
        polling = setInterval(() => guard(refresh()), POLL_MS);
      },
      onEvent: (_, data) => changed(data),
    }),
  );
}

async function refresh() {
  const items = [];
  for (let page = 1; page <= pages; page++) {
    const found = await call("GET", `assets?page=${page}&limit=${LIMIT}`);
    items.push(...found.items);
    total = found.total;
  }
  const ids = new Set(items.map((asset) => asset.id));
  for (const [id, card] of shown) if (!ids.has(id)) drop(id, card);
  items.forEach((asset, index) => place(asset, index));
  summary();
}

function changed(event) {
  const card = shown.get(event.assetId);
  if (!card) {
    guard(refresh());
    return;
  }
  const { status, metadata, progress, rungs, error, thumbnailUrl, streamingUrl } = event;
  const asset = { ...card.asset, status, metadata, progress, rungs, error, thumbnailUrl, streamingUrl };
  const ended = progress === null && card.asset.progress !== null;
  cards.show(card, asset);
  player.refresh(asset);
  if (ended && error) toast(`${metadata.title}: ${error.message}`, "bad");
  if (ended) guard(refresh());
}

function place(asset, index) {
  const grid = find("#grid");
  let card = shown.get(asset.id);
  if (!card) {
    card = cards.make({ play: player.play, rename, remove });
    shown.set(asset.id, card);
  }
  cards.show(card, asset);
  player.refresh(asset);
  if (grid.children[index] !== card) grid.insertBefore(card, grid.children[index] ?? null);
}

function drop(id, card) {
  card.remove();
  shown.delete(id);
}

function summary() {
  find("#count").textContent = total ? `${total}` : "";
  find("#empty").hidden = total > 0;
  find("#more").hidden = shown.size >= total;
}

async function rename(asset) {
  const title = await ask({ title: "Rename", yes: "Rename", value: asset.metadata.title });
  if (!title) return;
  await guard(call("PATCH", `media/${asset.id}`, { title }));
  await guard(refresh());
}

async function remove(asset) {
  const sure = await ask({
    title: "Delete this video?",
    text: `“${asset.metadata.title}” will be gone for everybody.`,
    yes: "Delete",
    isDanger: true,
  });
  if (!sure) return;
  await guard(call("DELETE", `media/${asset.id}`));
  await guard(refresh());
}

/** A question: true or the text typed, or a falsy value for no. */
function ask({ title, text = "", yes, value, isDanger = false }) {
  const dialog = find("#ask");
  const input = find("#ask-input");
  find("#ask-title").textContent = title;
  find("#ask-text").textContent = text;
  find("#ask-text").hidden = !text;
  find("#ask-yes").textContent = yes;
  find("#ask-yes").classList.toggle("danger", isDanger);
  input.hidden = value === undefined;
  input.value = value ?? "";
  dialog.returnValue = "";
  dialog.showModal();
  (input.hidden ? find("#ask-yes") : input).focus();
  input.select();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => resolve(dialog.returnValue === "yes" && (value === undefined || input.value.trim())),
      { once: true },
    );
  });
}

function send(files) {
  for (const file of files) guard(sendOne(file));
}

async function sendOne(file) {
  const row = find("#upload-row").content.firstElementChild.cloneNode(true);
  const state = row.querySelector(".state");
  const bar = row.querySelector("progress");
  row.querySelector(".name").textContent = file.name;
  row.querySelector(".cancel").setAttribute("aria-label", `Cancel the upload of ${file.name}`);
  bar.setAttribute("aria-label", `Upload of ${file.name}`);
  const upload = new Upload(file, (ratio, words) => {
    if (ratio !== null) bar.value = ratio;
    state.textContent = words;
  });
  row.querySelector(".cancel").addEventListener("click", () => {
    upload.cancel();
    row.remove();
  });
  state.textContent = "starting …";
  find("#uploads").append(row);
  try {
    if (file.size === 0) throw new Error("cannot upload an empty file");
    await upload.run();
    row.remove();
    await refresh();
  } catch (fault) {
    if (fault.name === "AbortError") return;
    row.dataset.state = "failed";
    state.textContent = fault.message;
    if (fault.status === 401) throw fault;
  }
}

function dropping() {
  let depth = 0;
  const hint = () => document.body.classList.toggle("dragging", depth > 0 && !find("#library").hidden);
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (isFile(event)) depth += 1;
    hint();
  });
  addEventListener("dragleave", (event) => {
    if (isFile(event)) depth -= 1;
    hint();
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    hint();
    if (!find("#library").hidden) send(event.dataTransfer.files);
  });
}

async function health() {
  const place = find("#health");
  const words = { UP: "all services up", DEGRADED: "degraded", DOWN: "a service is down" };
  let found = { status: "DOWN", services: {} };
  try {
    found = await (await fetch("/api/media/status", { cache: "no-store" })).json();
  } catch {
    // The gateway itself is away: as down as can be.
  }
  const bad = Object.entries(found.services ?? {}).filter(([, service]) => service.status !== "UP");
  place.dataset.status = found.status in words ? found.status : "DOWN";
  place.querySelector("span").textContent = words[found.status] ?? words.DOWN;
  place.title = bad.map(([name, service]) => `${name}: ${service.status}`).join("\n");
}

function theme() {
  const KEY = "intertie.theme";
  const root = document.documentElement;
  const kept = localStorage.getItem(KEY);
  if (kept) root.dataset.theme = kept;
  find("#theme").addEventListener("click", () => {
    const isDark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = isDark ? "light" : "dark";
    localStorage.setItem(KEY, root.dataset.theme);
  });
}

function toast(text, kind) {
  const note = document.createElement("p");
  note.className = "toast";
  note.dataset.kind = kind;
  note.textContent = text;
  find("#toasts").append(note);
  setTimeout(() => note.remove(), TOAST_MS);
}

/** Wait for `work`; show what went wrong, ask for a new token when that was it. */
async function guard(work) {
  try {
    return await work;
  } catch (fault) {
    if (fault.status === 401) signOut("The access token is missing or has expired. Print a new one with:");
    else if (fault.name !== "AbortError") toast(fault.message, "bad");
    return null;
  }
}
