// One card an asset.

import { get } from "./api.js";

const template = document.querySelector("#card");
const posters = new Map();

const WAITING = {
  waiting: "waiting for its turn",
  probe: "looking into the file",
  first: "making the first quality",
  rest: "making more qualities",
};

/** A new card; `actions` has play, rename and remove, each called with the asset shown. */
export function make(actions) {
  const card = template.content.firstElementChild.cloneNode(true);
  card.querySelector(".poster").addEventListener("click", () => actions.play(card.asset));
  card.querySelector(".rename").addEventListener("click", () => actions.rename(card.asset));
  card.querySelector(".delete").addEventListener("click", () => actions.remove(card.asset));
  return card;
}

/** Show `asset` on the card. */
export function show(card, asset) {
  const { metadata, status, progress, error } = asset;
  const find = (selector) => card.querySelector(selector);
  card.asset = asset;
  card.dataset.asset = asset.id;
  card.dataset.status = status;
  find(".title").textContent = metadata.title;
  find(".title").title = metadata.title;
  find(".poster").disabled = !asset.streamingUrl;
  find(".poster").setAttribute("aria-label", `Play ${metadata.title}`);
  find(".rename").setAttribute("aria-label", `Rename ${metadata.title}`);
  find(".delete").setAttribute("aria-label", `Delete ${metadata.title}`);
  find(".duration").hidden = metadata.durationS == null;
  find(".duration").textContent = clock(metadata.durationS ?? 0);
  const bar = find("progress");
  bar.hidden = !progress;
  if (progress && progress.stage !== "waiting") bar.value = progress.ratio;
  else bar.removeAttribute("value");
  const chip = document.createElement("span");
  chip.className = "chip";
  chip.textContent = chipText(asset);
  find(".state").replaceChildren(chip, detail(asset));
  if (error) find(".state").title = error.message;
  poster(card, asset.thumbnailUrl);
}

function chipText({ status, rungs, error }) {
  if (status === "ready") return rungs.at(-1) ?? "ready";
  if (status === "viewable") return error ? "only " + rungs.join(", ") : "plays already";
  return status === "failed" ? "failed" : status === "processing" ? "processing" : "uploaded";
}

function detail({ status, progress, error, metadata, createdAt }) {
  if (error) return error.message;
  if (progress) {
    const percent = progress.ratio ? ` ${Math.round(progress.ratio * 100)} %` : "";
    return `${WAITING[progress.stage]}${percent}`;
  }
  const size = metadata.width ? `${metadata.width}×${metadata.height} · ` : "";
  return status === "ready" ? `${size}${when(createdAt)}` : "";
}

// Fetched with the token, which an <img> by itself cannot send.
async function poster(card, url) {
  const image = card.querySelector("img");
  if (!url || image.dataset.url === url) return;
  image.dataset.url = url;
  try {
    if (!posters.has(url)) posters.set(url, get(url).then((response) => response.blob()));
    image.src = URL.createObjectURL(await posters.get(url));
    await image.decode();
    image.hidden = false;
  } catch {
    posters.delete(url);
    delete image.dataset.url;
  } finally {
    if (image.src) URL.revokeObjectURL(image.src);
  }
}

export function clock(seconds) {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours, minutes, rest] = parts;
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function when(text) {
  const passed = (Date.now() - Date.parse(text)) / 1000;
  const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (passed < 60) return "just now";
  if (passed < 3600) return format.format(-Math.round(passed / 60), "minute");
  if (passed < 86400) return format.format(-Math.round(passed / 3600), "hour");
  return format.format(-Math.round(passed / 86400), "day");
}
