// Server-sent events, read with fetch: EventSource cannot send a token.

import { get } from "./api.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/**
 * Call `onEvent(kind, data)` for each event until `signal` aborts. `onOpen` is called each time the
 * connection stands; whatever came before must be asked for then. `onDown` each time it does not.
 */
export async function follow({ path, onEvent, onOpen, onDown, signal }) {
  let lastId = null;
  for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
    try {
      const headers = lastId ? { "last-event-id": lastId } : {};
      const response = await get(path, { headers, signal, cache: "no-store" });
      pause = FIRST_PAUSE_MS;
      onOpen();
      for await (const event of read(response.body)) {
        lastId = event.id ?? lastId;
        onEvent(event.kind, event.data);
      }
    } catch (fault) {
      if (signal.aborted) return;
      if (fault.status === 401) throw fault;
    }
    onDown();
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

async function* read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    const frames = buffer.split("\n\n");
    buffer = frames.pop();
    for (const frame of frames) {
      const event = parse(frame);
      if (event) yield event;
    }
  }
}

function parse(frame) {
  const fields = {};
  for (const line of frame.split("\n")) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name) fields[name] = value;
  }
  return fields.data ? { id: fields.id, kind: fields.event, data: JSON.parse(fields.data) } : null;
}
