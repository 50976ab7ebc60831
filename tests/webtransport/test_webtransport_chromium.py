"""Chromium's own API against the server, on every worker; each test is one page."""

import hashlib

import pytest

from tests.webtransport.browser import Browser
from tests.webtransport.wtprobe import BLOCK, SIZE

BODY = BLOCK * (SIZE // len(BLOCK))


@pytest.fixture
def browser(server, chromium):
    return Browser(chromium, server.urls[0], server.certificate)


def test_streams_and_datagrams(browser):
    """Both ways, of either side's making."""
    result = browser.run("""
const wt = connect("/echo"); await wt.ready;
const both = await wt.createBidirectionalStream();
await say(both.writable, "both ways");
await say(await wt.createUnidirectionalStream(), "one way");
const back = await next(wt.incomingUnidirectionalStreams);
const writer = wt.datagrams.writable.getWriter();
await writer.write(bytes("datagram"));
const found = {both: text(await all(both.readable)), one: text(await all(back)),
  datagram: text(await next(wt.datagrams.readable)), max: wt.datagrams.maxDatagramSize};
wt.close();
const other = connect("/opens"); await other.ready;
const theirs = await next(other.incomingBidirectionalStreams);
found.theirs = text(await all(theirs.readable));
found.silent = text(await all(await next(other.incomingUnidirectionalStreams)));
await say(theirs.writable, "answer");
found.answer = text(await next(other.datagrams.readable));
other.close();
return found;
""")
    assert result.pop("max") > 1000
    assert result == {
        "both": "both ways", "one": "one way", "datagram": "datagram", "theirs": "said two ways",
        "silent": "said one way", "answer": "answer",
    }  # fmt: skip


def test_many_streams(browser):
    """More than may be open at once: Chromium fails to open those that there is no credit for."""
    result = browser.run("""
const wt = connect("/echo"); await wt.ready;
const one = async (number) => {
  const stream = await wt.createBidirectionalStream();
  await say(stream.writable, "stream " + number);
  return text(await all(stream.readable));
};
const found = [];
for (let turn = 0; turn < 15; turn++) {
  const numbers = [...Array(20).keys()].map((number) => turn * 20 + number);
  found.push(...await Promise.all(numbers.map(one)));
}
return found;
""")
    assert result == [f"stream {number}" for number in range(300)]


def test_the_handshake(browser):
    result = browser.run("""
const wt = connect("/tell", {protocols: ["first", "second"]}); await wt.ready;
const told = JSON.parse(text(await all(await next(wt.incomingUnidirectionalStreams))));
const refused = connect("/denied");
const ready = await refused.ready.then(() => "ready", (error) => error.name);
return {origin: Object.fromEntries(told.headers).origin, type: told.type, own: location.origin,
  offered: told.subprotocols, chosen: wt.protocol, ready};
""")
    assert result["origin"] == result.pop("own")
    del result["origin"]
    assert result == {
        "type": "webtransport", "offered": ["first", "second"], "chosen": "first",
        "ready": "WebTransportError",
    }  # fmt: skip


def test_closes(browser, server):
    """Of the page, of the application, and of one that fails."""
    result = browser.run("""
const ours = connect("/echo"); await ours.ready;
ours.close({closeCode: 4294967295, reason: "bye, ü"});
const closed = await ours.closed;
const theirs = connect("/closes"); await theirs.ready;
await theirs.datagrams.writable.getWriter().write(bytes("x"));
return {closed, theirs: await theirs.closed};
""")
    assert result["closed"] == {"closeCode": 4294967295, "reason": "bye, ü"}
    assert result["theirs"] == {"closeCode": 42, "reason": "enough, ü"}
    heard = {"type": "webtransport.disconnect", "code": 4294967295, "reason": "bye, ü"}
    assert heard in server.events()


def test_codes_of_streams(browser, server):
    result = browser.run("""
const wt = connect("/resets"); await wt.ready;
const stream = await wt.createBidirectionalStream();
const writer = stream.writable.getWriter();
await writer.write(bytes("x"));
const read = await stream.readable.getReader().read().catch(told);
const write = await writer.closed.catch(told);
const other = connect("/echo"); await other.ready;
const ours = await other.createBidirectionalStream();
const ourWriter = ours.writable.getWriter();
await ourWriter.write(bytes("x"));
await next(ours.readable);
await ourWriter.abort(new WebTransportError({streamErrorCode: 77}));
const answer = await ours.readable.getReader().read().catch(told);
const stopped = await other.createBidirectionalStream();
await stopped.writable.getWriter().write(bytes("x"));
await next(stopped.readable);
await stopped.readable.cancel(new WebTransportError({streamErrorCode: 78}));
const after = await other.createBidirectionalStream();
await say(after.writable, "behind it");
await all(after.readable);
return {read: read.code, write: write.code, answer: answer.code};
""")
    assert result == {"read": 7, "write": 4294967295, "answer": 77}
    kinds = [(each["type"], each.get("code")) for each in server.events()]
    assert ("webtransport.stream.reset", 77) in kinds
    assert ("webtransport.stream.stop", 78) in kinds


def test_a_server_that_reads_slowly(browser):
    """The page's writes wait while the application has the stream paused."""
    result = browser.run("""
const wt = connect("/paused"); await wt.ready;
const datagrams = wt.datagrams.readable.getReader();
const stream = await wt.createBidirectionalStream();
const writer = stream.writable.getWriter();
const block = Uint8Array.from({length: 65536}, (_, number) => number % 256);
let taken = 0, before = 0;
const writing = (async () => {
  for (let number = 0; number < 32; number++) { await writer.write(block); taken++; }
  await writer.close();
})();
await datagrams.read();
await pause(500);
before = taken;
await wt.datagrams.writable.getWriter().write(bytes("go on"));
await writing;
return {before, answer: text(await all(stream.readable))};
""")
    assert result["answer"] == f"{SIZE} {hashlib.sha256(BODY).hexdigest()}"
    assert 0 < result["before"] < 16


def test_a_page_that_reads_slowly(browser):
    """The application's sends wait while the page does not read: Chromium takes 6 MiB."""
    result = browser.run("""
const wt = connect("/down?192"); await wt.ready;
const stream = await next(wt.incomingUnidirectionalStreams);
const asking = wt.datagrams.writable.getWriter();
await asking.write(bytes("x"));
let done = false;
wt.datagrams.readable.getReader().read().then(() => { done = true });
await pause(500);
const early = done;
const data = await all(stream);
while (!done) { await asking.write(bytes("x")); await pause(50); }  // a datagram may be lost
return {early, size: data.length, digest: await hex(data)};
""")
    data = BLOCK * 192
    assert result == {
        "early": False, "size": len(data), "digest": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip


def test_a_worker_that_stops(serve, worker, chromium):
    """The session is closed, once its time is over."""
    with serve(worker, "--webtransport-drain-code", "9") as server:
        script = """
const wt = connect("/echo"); await wt.ready;
await fetch("/ready");
const closed = await wt.closed;
return closed;
"""
        browser = Browser(chromium, server.urls[0], server.certificate)
        result = browser.run(script, on_ready=server.terminate)
        assert result == {"closeCode": 9, "reason": ""}
        server.wait()
