#!/usr/bin/env node
// Writes with the JavaScript client `memjs`. See truth.py for what it leaves behind.
'use strict';

const fs = require('fs');
const memjs = require('memjs');
const { MILLSTREAM_SERVER, MILLSTREAM_USER, MILLSTREAM_PASSWORD } = process.env;

const SIZES = [0, 1, 2, 127, 128, 1000, 4096, 65535, 65536, 262144, 524288];
const TTL_SECONDS = 1;
const FLAGS = 0xcafe0001;

// Stores the flags that memjs itself has no way to set.
const flagging = {
  serialize(opcode, value, extras) {
    const flagged = Buffer.from(extras);
    flagged.writeUInt32BE(FLAGS, 0);
    return { value, extras: flagged };
  },
  deserialize: (opcode, value, extras) => ({ value, extras }),
};

const truth = new Map();
let operations = 0;

function alive(key, value, flags = 0, expiry = [0, 0]) {
  truth.set(key, { kind: 'mutation', flags, value: Buffer.from(value).toString('base64'), expiry });
}

async function expect(outcome, wanted, what) {
  const got = await outcome;
  operations += 1;
  const same = Buffer.isBuffer(got) ? got.equals(Buffer.from(wanted)) : got === wanted;
  if (!same) throw new Error(`${what}: ${String(got).slice(0, 60)}, not ${String(wanted).slice(0, 60)}`);
}

// The same bytes at every run, and none that compress well.
function bytes(size, seed) {
  const out = Buffer.alloc(size);
  let state = seed + 1;
  for (let at = 0; at < size; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[at] = state >>> 24;
  }
  return out;
}

async function main() {
  const login = { username: MILLSTREAM_USER, password: MILLSTREAM_PASSWORD, timeout: 30, retries: 1 };
  const quiet = { log() {} };
  const client = memjs.Client.create(MILLSTREAM_SERVER, { ...login });
  const flagged = memjs.Client.create(MILLSTREAM_SERVER, { ...login, serializer: flagging });
  const value = async (key) => (await client.get(key)).value;

  const intruder = memjs.Client.create(MILLSTREAM_SERVER, { ...login, password: 'wrong', timeout: 2, logger: quiet });
  const refused = await intruder.set('js:intruder', 'x', {}).then(() => false, () => true);
  await expect(refused, true, 'a wrong password is refused');
  intruder.close();

  for (const size of SIZES) {
    const data = bytes(size, size);
    await expect(client.set(`js:size:${size}`, data, {}), true, `set of ${size} bytes`);
    await expect(value(`js:size:${size}`), data, `get of ${size} bytes`);
    alive(`js:size:${size}`, data);
  }
  await expect(client.set('js:ключ:鍵', 'a key in UTF-8', {}), true, 'set of a UTF-8 key');
  alive('js:ключ:鍵', 'a key in UTF-8');
  await expect(flagged.set('js:flags', 'with flags', {}), true, 'set with flags');
  alive('js:flags', 'with flags', FLAGS);

  // A thousand requests on their way at once, on one connection.
  const many = Array.from({ length: 1000 }, (_, n) => [`js:many:${n}`, bytes(50 + n, n)]);
  const outcomes = await Promise.all(many.map(([key, data]) => client.set(key, data, {})));
  await expect(outcomes.every((outcome) => outcome === true), true, 'a thousand sets at once');
  many.forEach(([key, data]) => alive(key, data));
  const gone = many.filter((_, n) => n % 10 === 7).map(([key]) => key);
  const deleted = await Promise.all(gone.map((key) => client.delete(key)));
  await expect(deleted.every((outcome) => outcome === true), true, 'a hundred deletes at once');
  gone.forEach((key) => truth.set(key, { kind: 'deletion' }));
  // Many versions of one key on their way at once: the last one sent is the one that stays.
  await Promise.all(Array.from({ length: 100 }, (_, n) => client.set('js:hot', `version ${n}`, {})));
  alive('js:hot', 'version 99');

  await expect(client.add('js:added', 'new', {}), true, 'add of a new key');
  await expect(client.add('js:added', 'again', {}), false, 'add of a key that exists');
  alive('js:added', 'new');
  await expect(client.replace('js:absent', 'x', {}), false, 'replace of no key');
  await expect(client.set('js:replaced', 'before', {}), true, 'set');
  await expect(client.replace('js:replaced', 'after', {}), true, 'replace');
  alive('js:replaced', 'after');
  await expect(client.set('js:deleted', 'soon gone', {}), true, 'set');
  await expect(client.delete('js:deleted'), true, 'delete');
  await expect(client.delete('js:deleted'), false, 'delete of a deleted key');
  truth.set('js:deleted', { kind: 'deletion' });

  await expect(flagged.set('js:joined', 'middle', {}), true, 'set');
  await expect(client.append('js:joined', ', end'), true, 'append');
  // Not `prepend`: memjs 1.3.2 sends the opcode of append for it.
  await expect(value('js:joined'), 'middle, end', 'get of what was joined');
  alive('js:joined', 'middle, end', FLAGS);
  const none = memjs.Client.create(MILLSTREAM_SERVER, { ...login, logger: quiet });
  await expect(none.append('js:absent', 'x').catch(() => false), false, 'append to no key');
  none.close();

  const counted = async (outcome) => (await outcome).value;
  await expect(counted(client.increment('js:counter', 1, { initial: 10 })), 10, 'increment that creates');
  await expect(counted(client.increment('js:counter', 5, { initial: 0 })), 15, 'increment');
  await expect(counted(client.decrement('js:counter', 8, { initial: 0 })), 7, 'decrement');
  alive('js:counter', '7');

  const now = () => Math.floor(Date.now() / 1000);
  await expect(client.set('js:an-hour', 'relative', { expires: 3600 }), true, 'set for an hour');
  alive('js:an-hour', 'relative', 0, [now() + 3599, now() + 3605]);
  await expect(client.set('js:touched', 'for ever, then for an hour', {}), true, 'set');
  await expect(client.touch('js:touched', 3600), true, 'touch');
  alive('js:touched', 'for ever, then for an hour', 0, [now() + 3599, now() + 3605]);
  await expect(client.touch('js:absent', 3600), false, 'touch of no key');
  const short = Array.from({ length: 20 }, (_, n) => `js:ttl:${n}`);
  for (const key of short) {
    await expect(client.set(key, 'soon gone', { expires: TTL_SECONDS }), true, 'set with a short time to live');
    truth.set(key, { kind: 'expiration' });
  }
  await new Promise((done) => setTimeout(done, TTL_SECONDS * 1000 + 1500));
  for (const key of short) await expect(value(key), null, `get of ${key} after its time`);

  client.close();
  flagged.close();
  const lines = [...truth].map(([key, fields]) =>
    JSON.stringify({ key: Buffer.from(key).toString('base64'), ...fields }));
  fs.writeFileSync(process.argv[2], `${lines.join('\n')}\n`);
  console.error(`${operations} operations, ${truth.size} keys`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
