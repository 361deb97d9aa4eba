#!/usr/bin/env python3
"""Writes with the pure Python client `python-binary-memcached`."""

import random
import time

import bmemcached
from bmemcached.exceptions import MemcachedException
from truth import PASSWORD, SERVER, SIZES, TTL_SECONDS, USER, Truth, in_an_hour

truth = Truth()
bytes_of = random.Random(1).randbytes
client = bmemcached.Client((SERVER,), USER, PASSWORD, socket_timeout=30)
encode = next(client.servers).serialize


def stored(key, value, compress_level=0, expiry=None):
    """What the server has to hold after this client stored that value."""
    flags, data = encode(value, compress_level=compress_level)
    truth.alive(key, data, flags, expiry)


def put(key, value, compress_level=0):
    truth.expect(client.set(key, value, 0, compress_level=compress_level), True, f"set {key}")
    stored(key, value, compress_level)


# A wrong password is refused, and what is sent all the same has no effect.
try:
    refused = bmemcached.Client((SERVER,), USER, PASSWORD + "x").set("bmc:intruder", "x", 0)
except MemcachedException:
    refused = False
truth.expect(refused, False, "set with a wrong password")

for size in SIZES:
    put(f"bmc:size:{size}", bytes_of(size))
put("bmc:string", "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich")
put("bmc:integer", 41)
put("bmc:object", {"list": [1, 2.5, None], "text": "π"})
put("bmc:compressed", "millstream " * 5000, compress_level=-1)
put("bmc:json", b'{"name":"les Escaldes","lat":42.50729}')
put("bmc:schlüssel:ключ:鍵", "a key in UTF-8")
put("bmc:" + "k" * 246, "the longest key")
for value in ("first", "second", "third"):
    put("bmc:overwritten", value)

many = {f"bmc:multi:{n}": bytes_of(200 + n) for n in range(1000)}
truth.expect(client.set_multi(many, time=0, compress_level=0), [], "set_multi")
for key, value in many.items():
    stored(key, value)
got = client.get_multi(list(many))
truth.expect(got, many, "get_multi")
gone = [f"bmc:multi:{n}" for n in range(0, 1000, 10)]
truth.expect(client.delete_multi(gone), True, "delete_multi")
for key in gone:
    truth.deleted(key)

truth.expect(client.add("bmc:added", "new", 0, compress_level=0), True, "add of a new key")
truth.expect(client.add("bmc:added", "again", 0), False, "add of a key that exists")
stored("bmc:added", "new")
truth.expect(client.replace("bmc:absent", "x", 0), False, "replace of no key")
put("bmc:replaced", "before")
truth.expect(client.replace("bmc:replaced", "after", 0, compress_level=0), True, "replace")
stored("bmc:replaced", "after")

put("bmc:deleted", "soon gone")
truth.expect(client.delete("bmc:deleted"), True, "delete")
truth.expect(client.get("bmc:deleted"), None, "get of a deleted key")
truth.deleted("bmc:deleted")
put("bmc:deleted-and-back", "before")
truth.expect(client.delete("bmc:deleted-and-back"), True, "delete")
truth.expect(client.add("bmc:deleted-and-back", "after", 0, compress_level=0), True, "add after delete")
stored("bmc:deleted-and-back", "after")

put("bmc:cas", "one")
value, cas = client.gets("bmc:cas")
truth.expect(value, "one", "gets")
truth.expect(client.cas("bmc:cas", "two", cas, 0, compress_level=0), True, "cas")
truth.expect(client.cas("bmc:cas", "three", cas, 0), False, "cas with the CAS of an older version")
truth.expect(client.delete("bmc:cas", cas=cas), False, "delete with the CAS of an older version")
stored("bmc:cas", "two")

truth.expect(client.incr("bmc:counter", 1, default=10, time=0), 10, "incr that creates")
truth.expect(client.incr("bmc:counter", 5, time=0), 15, "incr")
truth.expect(client.decr("bmc:counter", 8, time=0), 7, "decr")
truth.alive("bmc:counter", b"7", 0)
truth.expect(client.incr("bmc:floor", 1, default=3, time=0), 3, "incr that creates")
truth.expect(client.decr("bmc:floor", 100, time=0), 0, "decr below nothing")
truth.alive("bmc:floor", b"0", 0)
truth.expect(client.incr("bmc:wraps", 1, default=2**64 - 1, time=0), 2**64 - 1, "incr that creates")
truth.expect(client.incr("bmc:wraps", 2, time=0), 1, "incr beyond 64 bits")
truth.alive("bmc:wraps", b"1", 0)

truth.expect(client.set("bmc:an-hour", "relative", 3600, compress_level=0), True, "set for an hour")
stored("bmc:an-hour", "relative", expiry=in_an_hour())
until = int(time.time()) + 86_400
truth.expect(client.set("bmc:a-day", "absolute", until, compress_level=0), True, "set until tomorrow")
stored("bmc:a-day", "absolute", expiry=(until, until))
short_lived = [f"bmc:ttl:{n}" for n in range(20)]
for key in short_lived:
    truth.expect(client.set(key, "soon gone", TTL_SECONDS), True, "set with a short time to live")
    truth.expired(key)
put("bmc:revived", "one")
truth.expect(client.set("bmc:revived", "two", TTL_SECONDS), True, "set with a short time to live")

for key in ("bmc:string", "bmc:integer", "bmc:object"):
    truth.operations += client.get(key) is not None
truth.expect(client.get("bmc:compressed"), "millstream " * 5000, "get of a compressed value")
truth.expect(client.get("bmc:schlüssel:ключ:鍵"), "a key in UTF-8", "get of a UTF-8 key")

time.sleep(TTL_SECONDS + 1.5)
for key in short_lived:
    truth.expect(client.get(key), None, f"get of {key} after its time")
truth.expect(client.add("bmc:revived", "three", 0, compress_level=0), True, "add after its time")
stored("bmc:revived", "three")
client.disconnect_all()
truth.write()
