"""Puts a video through a running media suite: `python -m intertie_media.demo VIDEO`."""

import argparse
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from intertie.errors import IntertieError
from intertie_media.settings import PUBLIC_PATH

SUITE = Path(__file__).resolve().parents[2] / "suite.yaml"
"""The one of a source checkout."""
TIMEOUT_S = 30.0
BAR = 30
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


class DemoError(IntertieError):
    """The video cannot be played; the text says why."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A running suite, reached through the command line."""

    options: tuple[str, ...]

    def ask(self, *words: str) -> str:
        """What `intertie WORDS` prints. Raises DemoError."""
        command = [sys.executable, "-m", "intertie", *words, *self.options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoError(done.stderr.strip().removeprefix("error: ") or f"{words} failed")
        return done.stdout.strip()


class Api:
    """The media services behind the gateway."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The JSON answer. Raises DemoError."""
        try:
            answer = self._http.request(method, path, **options)
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as exc:
            raise DemoError(f"cannot {method} {path}: {exc}") from exc
        if answer.is_error:
            raise DemoError(found.get("detail", f"cannot {method} {path}: {answer.status_code}"))
        return found

    def events(self, asset: str) -> Generator[dict[str, Any], None, None]:
        """The state of an asset now, and then each time it changes. Raises DemoError."""
        try:
            with self._http.stream("GET", "events", params={"assetId": asset}) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line.removeprefix("data: "))
        except httpx.HTTPError as exc:
            raise DemoError(f"cannot follow asset {asset}: {exc}") from exc


def upload(api: Api, video: Path) -> str:
    """Send the file in chunks; the id of its asset."""
    try:
        size = video.stat().st_size
    except OSError as exc:
        raise DemoError(f"cannot read {video}: {exc.strerror}") from exc
    begun = api.call("POST", "uploads/init", json={"filename": video.name, "size": size})
    with video.open("rb") as file:
        for chunk in range(begun["chunks"]):
            data = file.read(begun["chunkSize"])
            headers = {"x-chunk-crc32": f"{zlib.crc32(data):08x}"}
            path = f"uploads/{begun['uploadId']}/chunks/{chunk}"
            api.call("PUT", path, content=data, headers=headers)
            show("uploading", (chunk + 1) / begun["chunks"])
    asset: str = api.call("POST", f"uploads/{begun['uploadId']}/complete")["assetId"]
    return asset


def follow(events: Iterator[dict[str, Any]]) -> None:
    """Show how processing goes, to its end."""
    words = {"waiting": "waiting", "probe": "looking into it", "first": "first picture size"}
    for event in events:
        progress: dict[str, Any] = event["progress"] or {"stage": "", "ratio": 1.0}
        show(words.get(progress["stage"], "all picture sizes"), progress["ratio"])
        if event["status"] == "failed" or event["error"]:
            raise DemoError(event["error"]["message"])
        if event["status"] == "ready":
            return
    raise DemoError("cannot follow the processing: the pipeline ended; run `intertie ps`")


def show(what: str, ratio: float) -> None:
    """A bar, on a terminal only."""
    if sys.stdout.isatty():
        filled = round(BAR * ratio)
        sys.stdout.write(f"\r{what:<20} {'█' * filled}{'·' * (BAR - filled)} {ratio:4.0%}")
        sys.stdout.flush()


def play(video: Path, suite: Suite) -> None:
    """Upload, wait, and say where it plays."""
    gateway = suite.ask("url", "gateway")
    token = suite.ask("token", "--subject", "demo", "--ttl", "12h")
    with httpx.Client(
        base_url=f"{gateway}{PUBLIC_PATH}/",
        headers={"authorization": f"Bearer {token}"},
        timeout=TIMEOUT_S,
        trust_env=False,
    ) as http:
        api = Api(http)
        began = time.monotonic()
        asset = upload(api, video)
        sent_s = time.monotonic() - began
        with closing(api.events(asset)) as events:
            follow(events)
        found = api.call("GET", f"media/{asset}")
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")
    timings = found["timings"]
    print(f"video      {video.name}, uploaded in {sent_s:.2f} s")
    print(f"playable   {timings['timeToPlayableS']:.2f} s after the upload")
    print(f"ready      {timings['timeToReadyS']:.2f} s, {', '.join(found['rungs'])}")
    print(f"stream     {gateway}{found['streamingUrl']}")
    print(f"page       {gateway}/#token={token}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the exit code."""
    parser = argparse.ArgumentParser(prog="intertie_media.demo", description=__doc__)
    parser.add_argument("video", type=Path, help="the file to upload")
    parser.add_argument("--suite", help="suite file of the running suite", default=str(SUITE))
    parser.add_argument("--env", help="environment it runs in")
    parser.add_argument("--state", help="its state folder")
    given = vars(parser.parse_args(arguments))
    named = {"--file": given["suite"], "--env": given["env"], "--state": given["state"]}
    options = tuple(word for name, value in named.items() if value for word in (name, value))
    try:
        play(given["video"], Suite(options))
    except DemoError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
