#!/usr/bin/env python3
"""Writes with `pylibmc`, the Python face of the C library libmemcached, in binary mode."""

import random
import time

import pylibmc
from truth import PASSWORD, SERVER, SIZES, TTL_SECONDS, USER, Truth, in_an_hour

truth = Truth()
bytes_of = random.Random(2).randbytes


def connect(**behaviors):
    settings = {"cas": True, "tcp_nodelay": True, "connect_timeout": 10_000, "receive_timeout": 30_000_000}
    return pylibmc.Client([SERVER], binary=True, username=USER, password=PASSWORD, behaviors=settings | behaviors)


client = connect()


def stored(key, value, expiry=None):
    data, flags = client.serialize(value)
    truth.alive(key, data, flags, expiry)


def put(key, value):
    truth.expect(client.set(key, value), True, f"set {key}")
    stored(key, value)


for size in SIZES:
    put(f"lib:size:{size}", bytes_of(size))
put("lib:string", "Příliš žluťoučký kůň úpěl ďábelské ódy")
put("lib:integer", 1234567890123)
put("lib:boolean", True)
put("lib:object", {"list": [1, 2.5, None]})
put("lib:clé:Ω", "a key in UTF-8")
for value in (b"first", b"second", b"third"):
    put("lib:overwritten", value)

many = {f"lib:multi:{n}": bytes_of(100 + n) for n in range(1000)}
truth.expect(client.set_multi(many), [], "set_multi")
for key, value in many.items():
    stored(key, value)
truth.expect(client.get_multi(list(many)), many, "get_multi")
gone = [f"lib:multi:{n}" for n in range(5, 1000, 10)]
truth.expect(client.delete_multi(gone), True, "delete_multi")
for key in gone:
    truth.deleted(key)

truth.expect(client.add("lib:added", b"new"), True, "add of a new key")
truth.expect(client.add("lib:added", b"again"), False, "add of a key that exists")
stored("lib:added", b"new")
try:
    truth.expect(client.replace("lib:absent", b"x"), None, "replace of no key")
except pylibmc.NotFound:
    truth.operations += 1
put("lib:replaced", b"before")
truth.expect(client.replace("lib:replaced", b"after"), True, "replace")
stored("lib:replaced", b"after")

put("lib:deleted", b"soon gone")
truth.expect(client.delete("lib:deleted"), True, "delete")
truth.expect(client.delete("lib:deleted"), False, "delete of a deleted key")
truth.deleted("lib:deleted")

put("lib:joined", b"middle")
truth.expect(client.append("lib:joined", b", end"), True, "append")
truth.expect(client.prepend("lib:joined", b"start, "), True, "prepend")
truth.expect(client.get("lib:joined"), b"start, middle, end", "get of what was joined")
stored("lib:joined", b"start, middle, end")

put("lib:cas", b"one")
value, cas = client.gets("lib:cas")
truth.expect(value, b"one", "gets")
truth.expect(client.cas("lib:cas", b"two", cas), True, "cas")
truth.expect(client.cas("lib:cas", b"three", cas), False, "cas with the CAS of an older version")
stored("lib:cas", b"two")

put("lib:counter", 41)
flags = client.serialize(41)[1]
truth.expect(client.incr("lib:counter"), 42, "incr")
truth.expect(client.incr("lib:counter", 1000), 1042, "incr by 1000")
truth.expect(client.decr("lib:counter", 43), 999, "decr")
truth.expect(client.get("lib:counter"), 999, "get of a counter")
truth.alive("lib:counter", b"999", flags)

truth.expect(client.set("lib:an-hour", b"relative", time=3600), True, "set for an hour")
stored("lib:an-hour", b"relative", expiry=in_an_hour())
put("lib:touched", b"for ever, then for an hour")
truth.expect(client.touch("lib:touched", 3600), True, "touch")
stored("lib:touched", b"for ever, then for an hour", expiry=in_an_hour())
short_lived = [f"lib:ttl:{n}" for n in range(20)]
for key in short_lived:
    truth.expect(client.set(key, b"soon gone", time=TTL_SECONDS), True, "set with a short time to live")
    truth.expired(key)

time.sleep(TTL_SECONDS + 1.5)
for key in short_lived:
    truth.expect(client.get(key), None, f"get of {key} after its time")
client.disconnect_all()
truth.write()
