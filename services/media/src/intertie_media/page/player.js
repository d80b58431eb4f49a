// The player dialog: HLS through hls.js, which can send the token with every request.

import { authorization } from "./api.js";

const dialog = document.querySelector("#player");
const video = document.querySelector("#video");
const note = document.querySelector("#player-note");
const quality = document.querySelector("#quality");

let hls = null;
let playing = null;
let onDenied = () => {};
let bandwidth = 5_000_000; // bits a second, until something was measured

/** `denied` is called when the token is not accepted any more. */
export function setUp(denied) {
  onDenied = denied;
  document.querySelector("#player-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", stop);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  quality.addEventListener("change", () => {
    if (hls) hls.nextLevel = Number(quality.value);
  });
}

/** Open the dialog and play `asset`. */
export async function play(asset) {
  playing = asset;
  describe(asset);
  dialog.showModal();
  const Hls = await load();
  if (playing?.id !== asset.id) return;
  if (!Hls.isSupported()) {
    complain("cannot play here: this browser has no Media Source Extensions");
    return;
  }
  start(Hls, asset.streamingUrl, 0);
  video.play().catch(() => {});
}

/** What is known of an asset has changed: better rungs are taken up where the film is. */
export async function refresh(asset) {
  if (playing?.id !== asset.id) return;
  const hasMore = asset.status === "ready" && playing.status !== "ready";
  playing = asset;
  describe(asset);
  if (!hasMore || !hls) return;
  const { currentTime, paused, ended } = video;
  start(await load(), asset.streamingUrl, ended ? 0 : currentTime);
  if (!paused) video.play().catch(() => {});
}

export function close() {
  if (dialog.open) dialog.close();
}

function start(Hls, url, at) {
  halt();
  note.hidden = true;
  hls = new Hls({
    startPosition: at,
    capLevelToPlayerSize: true,
    abrEwmaDefaultEstimate: bandwidth,
    xhrSetup: (request) => request.setRequestHeader("authorization", authorization()),
  });
  hls.on(Hls.Events.MANIFEST_PARSED, (_, data) => offer(data.levels));
  hls.on(Hls.Events.LEVEL_SWITCHED, (_, data) => mark(data.level));
  hls.on(Hls.Events.ERROR, (_, data) => data.fatal && recover(Hls, data));
  hls.loadSource(url);
  hls.attachMedia(video);
}

function recover(Hls, data) {
  if (data.response?.code === 401) {
    dialog.close();
    onDenied();
  } else if (data.type === Hls.ErrorTypes.MEDIA_ERROR) {
    hls.recoverMediaError();
  } else {
    complain(`cannot play on: ${data.response?.code === 404 ? "the video is gone" : "the stream cannot be loaded"}`);
  }
}

function offer(levels) {
  const options = levels.map((level, index) => new Option(`${Math.min(level.height, level.width)}p`, index));
  quality.replaceChildren(new Option("Auto", -1), ...options.reverse());
  quality.closest("label").hidden = levels.length < 2;
}

function mark(index) {
  const level = hls.levels[index];
  const now = hls.autoLevelEnabled && level ? ` (${Math.min(level.height, level.width)}p)` : "";
  quality.options[0].text = `Auto${now}`;
}

function describe(asset) {
  const { metadata, timings, rungs, status } = asset;
  document.querySelector("#player-title").textContent = metadata.title;
  const facts = [
    metadata.width ? `${metadata.width}×${metadata.height}` : "audio",
    rungs.length ? rungs.join(", ") : null,
    timings?.timeToPlayableS ? `playable ${timings.timeToPlayableS.toFixed(1)} s after upload` : null,
    status === "ready" ? null : asset.error?.message ?? "more qualities are being made",
  ];
  document.querySelector("#player-facts").textContent = facts.filter(Boolean).join(" · ");
}

function halt() {
  if (!hls) return;
  bandwidth = hls.bandwidthEstimate || bandwidth;
  hls.destroy();
  hls = null;
}

function complain(text) {
  note.textContent = text;
  note.hidden = false;
}

function stop() {
  playing = null;
  halt();
  video.removeAttribute("src");
  video.load();
  note.hidden = true;
  quality.replaceChildren();
}

async function load() {
  if (!window.Hls) await import("./vendor/hls.min.js");
  return window.Hls;
}
