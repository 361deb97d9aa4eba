#!/usr/bin/env python3
"""Writes with the official Python SDK: SCRAM-SHA512, the cluster map, documents in every vbucket."""

import json
import random
import time
from datetime import timedelta

from couchbase.auth import PasswordAuthenticator
from couchbase.cluster import Cluster
from couchbase.exceptions import (
    AuthenticationException,
    CASMismatchException,
    CollectionAlreadyExistsException,
    CollectionNotFoundException,
    CouchbaseException,
    DocumentExistsException,
    DocumentNotFoundException,
    ScopeAlreadyExistsException,
    ScopeNotFoundException,
)
from couchbase.options import (
    ClusterOptions,
    DeltaValue,
    IncrementOptions,
    InsertOptions,
    ReplaceOptions,
    SignedInt64,
    UpsertOptions,
)
from couchbase.transcoder import RawBinaryTranscoder
from truth import BUCKET, COLLECTIONS, PASSWORD, SERVER, SIZES, TTL_SECONDS, USER, Truth, in_an_hour

# What this SDK says of a value's format, in its flags: its own in the high byte, older clients' in the low one.
JSON, BINARY = 0x02000000, 0x03000002

truth = Truth()
bytes_of = random.Random(5).randbytes


def connect(password):
    return Cluster.connect(f"couchbase://{SERVER}", ClusterOptions(PasswordAuthenticator(USER, password)))


def refused(operation, exception, what):
    try:
        operation()
    except exception:
        truth.operations += 1
        return
    raise SystemExit(f"{what} was not refused")


def put(key, value, expires=None, **options):
    cas = documents.upsert(key, value, UpsertOptions(**options)).cas
    truth.operations += 1
    truth.alive(key, json.dumps(value, ensure_ascii=False).encode(), JSON, expires, cas=cas)


refused(lambda: connect(PASSWORD + "x"), AuthenticationException, "a wrong password")
cluster = connect(PASSWORD)
documents = cluster.bucket(BUCKET).default_collection()

for n in range(2000):
    put(f"sdk:many:{n}", {"n": n, "pad": "x" * (n % 700)})
for n in range(0, 2000, 10):
    truth.deleted(f"sdk:many:{n}", cas=documents.remove(f"sdk:many:{n}").cas)
for size in SIZES[1:]:
    value = bytes_of(size)
    documents.upsert(f"sdk:size:{size}", value, UpsertOptions(transcoder=RawBinaryTranscoder()))
    truth.alive(f"sdk:size:{size}", value, BINARY)
put("sdk:schlüssel:鍵", {"text": "π"})
put("sdk:hour", {"for": "an hour"}, in_an_hour(), expiry=timedelta(hours=1))

documents.insert("sdk:inserted", [1, 2], InsertOptions())
refused(lambda: documents.insert("sdk:inserted", [3]), DocumentExistsException, "an insert over a document")
truth.alive("sdk:inserted", b"[1, 2]", JSON)
refused(lambda: documents.replace("sdk:absent", 1), DocumentNotFoundException, "a replace of nothing")
refused(lambda: documents.remove("sdk:absent"), DocumentNotFoundException, "a remove of nothing")
cas = documents.upsert("sdk:cas", 1).cas
documents.replace("sdk:cas", 2, ReplaceOptions(cas=cas))
refused(lambda: documents.replace("sdk:cas", 3, ReplaceOptions(cas=cas)), CASMismatchException, "an old CAS")
truth.alive("sdk:cas", b"2", JSON)
counter = IncrementOptions(initial=SignedInt64(7), delta=DeltaValue(3))
truth.expect(documents.binary().increment("sdk:counter", counter).content, 7, "increment that creates")
truth.expect(documents.binary().increment("sdk:counter", counter).content, 10, "increment")
truth.alive("sdk:counter", b"10", 0)

for n in range(5):
    documents.upsert(f"sdk:ttl:{n}", n, UpsertOptions(expiry=timedelta(seconds=TTL_SECONDS)))
    truth.expired(f"sdk:ttl:{n}")
time.sleep(TTL_SECONDS + 1.5)
for n in range(5):
    refused(lambda n=n: documents.get(f"sdk:ttl:{n}"), DocumentNotFoundException, "a get after its time")
truth.expect(documents.get("sdk:many:777").content_as[dict]["n"], 777, "get")

# Collections: the same keys in each, which are other documents.
for scope, name in COLLECTIONS:
    named = cluster.bucket(BUCKET).scope(scope).collection(name)
    for n in range(300):
        value = {"in": f"{scope}.{name}", "n": n}
        cas = named.upsert(f"sdk:many:{n}", value).cas
        truth.alive(f"sdk:many:{n}", json.dumps(value).encode(), JSON, collection=f"{scope}.{name}", cas=cas)
    for n in range(0, 300, 7):
        cas = named.replace(f"sdk:many:{n}", [n]).cas
        truth.alive(f"sdk:many:{n}", json.dumps([n]).encode(), JSON, collection=f"{scope}.{name}", cas=cas)
    for n in range(0, 300, 10):
        cas = named.remove(f"sdk:many:{n}").cas
        truth.deleted(f"sdk:many:{n}", collection=f"{scope}.{name}", cas=cas)
    truth.expect(named.binary().increment("sdk:counter", counter).content, 7, "increment that creates")
    truth.alive("sdk:counter", b"7", 0, collection=f"{scope}.{name}")
    truth.expect(named.get("sdk:many:1").content_as[dict]["in"], f"{scope}.{name}", "get")
refused(
    lambda: cluster.bucket(BUCKET).scope("none").collection("none").upsert("k", 1, UpsertOptions(timeout=timedelta(seconds=3))),
    CouchbaseException,
    "a write to no collection",
)

# The management endpoints, as programs use them that make what they need unless it is there.
buckets = cluster.buckets()
truth.expect([bucket.name for bucket in buckets.get_all_buckets()], [BUCKET], "the buckets")
truth.expect(buckets.get_bucket(BUCKET).num_replicas, 0, "the bucket")
manager = cluster.bucket(BUCKET).collections()
scope, name = COLLECTIONS[0]
refused(lambda: manager.create_scope(scope), ScopeAlreadyExistsException, "a scope that is there")
refused(lambda: manager.create_collection(scope, name), CollectionAlreadyExistsException, "a collection that is there")
refused(lambda: manager.create_collection("none", "c"), ScopeNotFoundException, "a collection of no scope")
refused(lambda: manager.drop_collection(scope, "none"), CollectionNotFoundException, "no collection, dropped")
refused(lambda: manager.drop_scope("none"), ScopeNotFoundException, "no scope, dropped")
found = {(scope.name, one.name) for scope in manager.get_all_scopes() for one in scope.collections}
truth.expect(set(COLLECTIONS) <= found, True, f"the collections {found}")
cluster.close()
truth.write()
