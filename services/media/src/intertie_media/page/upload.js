// Sends a file in chunks, several at once; goes on after a lost connection or a reload.

import { ApiError, BASE, authorization, call, toError } from "./api.js";
import { crc32 } from "./crc32.js";

const MIB = 1024 * 1024;
const PARALLEL = 4;
const TRIES = 8;
const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 10_000;
const CHECKSUM_MISMATCH = 460;

export class Upload {
  #file;
  #stop = new AbortController();
  #underWay = new Map();
  #doneBytes = 0;
  #id = null;
  #onChange;

  /** `onChange(ratio, words)` is called while it goes on. */
  constructor(file, onChange) {
    this.#file = file;
    this.#onChange = onChange;
  }

  /** The id of the asset. */
  async run() {
    const upload = (await this.#resume()) ?? (await this.#begin());
    this.#id = upload.uploadId;
    this.#doneBytes = upload.receivedBytes;
    const chunks = upload.missing.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, offset) => first + offset),
    );
    const send = async () => {
      while (chunks.length) await this.#chunk(upload, chunks.shift());
    };
    try {
      await Promise.all(Array.from({ length: PARALLEL }, send));
    } catch (fault) {
      this.#stop.abort();
      throw fault;
    }
    this.#onChange(1, "finishing …");
    const done = await this.#again(() => call("POST", `uploads/${this.#id}/complete`, {}));
    localStorage.removeItem(this.#key);
    return done.assetId;
  }

  /** Stop, and have the server forget what it has. */
  async cancel() {
    this.#stop.abort();
    localStorage.removeItem(this.#key);
    if (this.#id) await call("DELETE", `uploads/${this.#id}`).catch(() => {});
  }

  get #key() {
    const { name, size, lastModified } = this.#file;
    return `intertie.upload:${name}:${size}:${lastModified}`;
  }

  async #resume() {
    const id = localStorage.getItem(this.#key);
    if (!id) return null;
    try {
      const found = await this.#again(() => call("GET", `uploads/${id}`));
      return found.state === "open" ? found : null;
    } catch (fault) {
      if (fault instanceof ApiError && [403, 404, 409, 410].includes(fault.status)) return null;
      throw fault;
    }
  }

  async #begin() {
    const { name, size, type } = this.#file;
    const wanted = Math.ceil(size / (2 * PARALLEL) / MIB) * MIB;
    const chunkSize = Math.min(8 * MIB, Math.max(MIB, wanted));
    const begun = await this.#again(() =>
      call("POST", "uploads/init", { filename: name, size, contentType: type, chunkSize }),
    );
    localStorage.setItem(this.#key, begun.uploadId);
    return begun;
  }

  async #chunk(upload, number) {
    const start = number * upload.chunkSize;
    const data = await this.#file.slice(start, start + upload.chunkSize).arrayBuffer();
    const crc = crc32(data);
    await this.#again(() => this.#put(`${BASE}/uploads/${this.#id}/chunks/${number}`, data, crc, number));
    this.#underWay.delete(number);
    this.#doneBytes += data.byteLength;
    this.#tell();
  }

  // XMLHttpRequest, because fetch does not tell how much of a body was sent.
  #put(url, data, crc, number) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const signal = this.#stop.signal;
      const abort = () => request.abort();
      request.open("PUT", url);
      request.setRequestHeader("authorization", authorization());
      request.setRequestHeader("x-chunk-crc32", crc);
      request.upload.onprogress = (event) => {
        this.#underWay.set(number, event.loaded);
        this.#tell();
      };
      request.onload = () =>
        request.status < 300 ? resolve() : reject(toError(request.status, request.responseText));
      request.onerror = request.ontimeout = () => reject(toError(0, ""));
      request.onabort = () => reject(new DOMException("stopped", "AbortError"));
      request.onloadend = () => signal.removeEventListener("abort", abort);
      signal.addEventListener("abort", abort);
      if (signal.aborted) reject(new DOMException("stopped", "AbortError"));
      else request.send(data);
    });
  }

  #tell() {
    const underWay = [...this.#underWay.values()].reduce((sum, bytes) => sum + bytes, 0);
    const { size } = this.#file;
    const sent = Math.min(size, this.#doneBytes + underWay);
    this.#onChange(sent / size, `${bytes(sent)} of ${bytes(size)}`);
  }

  /** Try, and try again while the fault may pass. */
  async #again(work) {
    for (let tried = 1; ; tried++) {
      if (this.#stop.signal.aborted) throw new DOMException("stopped", "AbortError");
      try {
        return await work();
      } catch (fault) {
        const mayPass = fault instanceof ApiError && (fault.isPassing || fault.status === CHECKSUM_MISMATCH);
        if (!mayPass || tried === TRIES) throw fault;
        this.#onChange(null, "connection lost, trying again …");
        await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tried), this.#stop.signal);
      }
    }
  }
}

export function bytes(count) {
  if (count < MIB) return `${Math.max(1, Math.round(count / 1024))} KB`;
  if (count < 1024 * MIB) return `${(count / MIB).toFixed(1)} MB`;
  return `${(count / 1024 / MIB).toFixed(2)} GB`;
}

/** Wait; less when the machine comes back online. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}
