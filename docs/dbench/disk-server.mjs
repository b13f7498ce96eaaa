// An NBD server whose answers take the time that vmmbench's disk takes: node docs/dbench/disk-server.mjs SOCKET FILE [TRACE]
// Its disk is that of machines/piii-733-waldspurger02.yaml. Printed at the end: requests, pages, and requests by their pages.
import { createServer } from "node:net";
import { openSync, readSync, writeSync, fstatSync, writeFileSync, unlinkSync, existsSync } from "node:fs";
import { createDisk } from "../../dist/machine/disk.js";
const [socket, path, log] = process.argv.slice(2);
const MHZ = 1000;
const profile = {
  positioningUs: 7890,
  megabytesPerSecond: 28.5,
  writeCache: { pages: 1024, commandUs: 30, megabytesPerSecond: 160 },
};
const disk = createDisk({ megahertz: MHZ }, profile);
const file = openSync(path, "r+"),
  size = fstatSync(file).size;
const t0 = process.hrtime.bigint();
const now = () => Number(process.hrtime.bigint() - t0); // cycles at 1000 MHz: ns
if (existsSync(socket)) unlinkSync(socket);
const counts = { reads: 0, writes: 0, readPages: 0, writePages: 0, readHist: {}, writeHist: {} };
const trace = [];
createServer((s) => {
  const hello = Buffer.alloc(8 + 8 + 8 + 4 + 124);
  hello.write("NBDMAGIC", 0);
  hello.writeBigUInt64BE(0x00420281861253n, 8);
  hello.writeBigUInt64BE(BigInt(size), 16);
  hello.writeUInt32BE(1, 24);
  s.write(hello);
  const pending = []; // {at, handle, read, offset, length}
  const byTag = new Map();
  let tag = 0,
    timer,
    buf = Buffer.alloc(0);
  const arm = () => {
    if (timer !== undefined) {
      clearTimeout(timer);
      timer = undefined;
    }
    let next = disk.wakeAt;
    for (const p of pending) next = Math.min(next, p.at);
    if (next === Infinity) return;
    const ms = (next - now()) / 1e6;
    timer = setTimeout(tick, Math.max(0, Math.floor(ms)));
  };
  const tick = () => {
    timer = undefined;
    let t = now();
    while (true) {
      let next = disk.wakeAt;
      for (const p of pending) next = Math.min(next, p.at);
      if (next > t + 1.2e6) break;
      while ((t = now()) < next);
      for (const { tag, at } of disk.advance(t)) {
        const r = byTag.get(tag);
        byTag.delete(tag);
        r.at = at;
        pending.push(r);
      }
      for (let i = 0; i < pending.length; )
        if (pending[i].at <= t) {
          reply(pending[i]);
          pending.splice(i, 1);
        } else i++;
    }
    arm();
  };
  const reply = (r) => {
    const head = Buffer.alloc(16);
    head.writeUInt32BE(0x67446698, 0);
    r.handle.copy(head, 8);
    s.write(head);
    if (r.data) s.write(r.data);
  };
  s.on("data", (chunk) => {
    buf = buf.length ? Buffer.concat([buf, chunk]) : chunk;
    while (buf.length >= 28) {
      const type = buf.readUInt16BE(6),
        length = buf.readUInt32BE(24),
        offset = Number(buf.readBigUInt64BE(16));
      const need = 28 + (type === 1 ? length : 0);
      if (buf.length < need) break;
      const handle = Buffer.from(buf.subarray(8, 16));
      if (type === 2) {
        s.end();
        break;
      }
      const r = { handle, at: 0 };
      const t = now();
      if (type === 0) {
        r.data = Buffer.alloc(length);
        readSync(file, r.data, 0, length, offset);
      } else if (type === 1) writeSync(file, buf, 28, length, offset);
      buf = buf.subarray(need);
      if (type === 3) {
        r.at = t;
        pending.push(r);
        continue;
      }
      const page = Math.floor(offset / 4096),
        pages = Math.max(1, Math.round(length / 4096));
      trace.push(Math.round(t / 1000), type, page, pages);
      if (type) {
        counts.writes++;
        counts.writePages += pages;
        counts.writeHist[pages] = (counts.writeHist[pages] ?? 0) + 1;
      } else {
        counts.reads++;
        counts.readPages += pages;
        counts.readHist[pages] = (counts.readHist[pages] ?? 0) + 1;
      }
      const at = disk.submit(t, page, pages, type === 1, tag);
      if (at >= 0) {
        r.at = at;
        pending.push(r);
      } else byTag.set(tag, r);
      tag++;
    }
    arm();
  });
  s.on("close", finish);
  s.on("error", finish);
}).listen(socket, () => console.log("ready"));
function finish() {
  console.log(JSON.stringify({ ...counts, busySeconds: disk.busy / 1e9, seconds: now() / 1e9 }));
  if (log) writeFileSync(log, Buffer.from(Int32Array.from(trace).buffer));
  process.exit(0);
}
