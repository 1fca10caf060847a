"""An independent check of the audit log, written from the specifications alone (RFC 6962, RFC 8032, C2SP signed-note,
tlog-checkpoint and tlog-proof), with nothing but Python's standard library.

    independent.py log DIR          every line, the chain, the tree, the checkpoint and its signature
    independent.py proof FILE       a proof file, and every proof in it
    independent.py consistency FILE {"old": [size, root], "new": [size, root], "proof": [...]}, hashes in hex

Prints JSON; exits with 1 when something does not hold.
"""

import base64
import hashlib
import json
import os
import re
import sys

# --- RFC 8032, section 5.1: Ed25519 -------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if (x & 1) != sign else x


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e = (y1 - x1) * (y2 - x2) % P
    f = (y1 + x1) * (y2 + x2) % P
    g = 2 * t1 * t2 * D % P
    h = 2 * z1 * z2 % P
    return ((f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P)


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def decompress(encoded):
    y = int.from_bytes(encoded, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = decompress(BASE_Y.to_bytes(32, "little"))


def ed25519_verifies(public_key, message, signature):
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r = decompress(public_key), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    return same(multiply(s, BASE), add(r, multiply(k, a)))


# --- RFC 6962, section 2.1: the tree, straight from its recursive definition --------------------------------------


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def tree_hash(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def audit_path(m, leaves):
    if len(leaves) <= 1:
        return []
    k = split(len(leaves))
    if m < k:
        return audit_path(m, leaves[:k]) + [tree_hash(leaves[k:])]
    return audit_path(m - k, leaves[k:]) + [tree_hash(leaves[:k])]


# RFC 9162, sections 2.1.3.2 and 2.1.4.2: the checks as algorithms over indexes.


def inclusion_root(index, size, leaf, path):
    if index >= size:
        return None
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            if not fn & 1:
                while fn and not fn & 1:
                    fn >>= 1
                    sn >>= 1
        else:
            r = node_hash(r, p)
        fn >>= 1
        sn >>= 1
    return r if sn == 0 else None


def consistent(first, first_root, second, second_root, path):
    if first == second:
        return first_root == second_root and path == []
    if not path:
        return False
    if first & (first - 1) == 0:
        path = [first_root] + path
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            if not fn & 1:
                while fn and not fn & 1:
                    fn >>= 1
                    sn >>= 1
        else:
            sr = node_hash(sr, c)
        fn >>= 1
        sn >>= 1
    return fr == first_root and sr == second_root and sn == 0


# --- C2SP signed-note and tlog-checkpoint -------------------------------------------------------------------------


def read_checkpoint(note, public_key):
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    lines = text.split("\n")
    origin, size, root = lines[0], lines[1], base64.b64decode(lines[2], validate=True)
    assert re.fullmatch(r"0|[1-9][0-9]*", size), "tree size"
    assert len(root) == 32, "root hash"
    assert origin and " " not in origin and "+" not in origin, "origin"
    assert signatures.endswith("\n"), "last newline"
    for line in signatures[:-1].split("\n"):
        dash, name, blob = line.split(" ")
        assert dash == "\u2014", "em dash"
        blob = base64.b64decode(blob, validate=True)
        key_id = hashlib.sha256(name.encode() + b"\n\x01" + public_key).digest()[:4]
        if name == origin and blob[:4] == key_id:
            assert ed25519_verifies(public_key, text.encode(), blob[4:]), "signature"
            return {"origin": origin, "size": int(size), "root": root}
    raise AssertionError("no signature by the key")


# --- The log, by its own description ------------------------------------------------------------------------------


def check_line(line, seq, previous):
    assert line[-75:-66] == b',"hash":"' and line[-2:] == b'"}', f"seq {seq}: suffix"
    stored = line[-66:-2].decode()
    assert hashlib.sha256(line[:-75]).hexdigest() == stored, f"seq {seq}: hash"
    record = json.loads(line)
    assert record["v"] == 1 and record["seq"] == seq, f"seq {seq}: seq"
    assert record["prev_hash"] == previous, f"seq {seq}: prev_hash"
    assert list(record)[-2:] == ["prev_hash", "hash"], f"seq {seq}: key order"
    return record


def log_files(folder):
    closed = []
    for name in os.listdir(folder):
        match = re.fullmatch(r"orchestrator-audit-(\d{4}-\d\d-\d\d)\.(\d+)\.jsonl", name)
        if match:
            closed.append((int(match[2]), match[1], name))
    return [(name, first, day) for first, day, name in sorted(closed)] + [("orchestrator-audit.jsonl", None, None)]


def check_log(folder):
    leaves, previous, key, log_id = [], "0" * 64, None, None
    for name, first, day in log_files(folder):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        assert data.endswith(b"\n"), f"{name}: last newline"
        assert first in (None, len(leaves)), f"{name}: first seq"
        day = day or json.loads(data.split(b"\n", 1)[0])["timestamp"][:10]
        for line in data[:-1].split(b"\n"):
            record = check_line(line, len(leaves), previous)
            assert record["timestamp"].startswith(day), f"seq {len(leaves)}: day"
            if record["event"] == "genesis":
                key, log_id = base64.b64decode(record["public_key"]), record["log_id"]
            if record["event"] == "checkpoint":
                assert record["tree_size"] == len(leaves), "tree_size"
                assert record["tree_root"] == tree_hash(leaves).hex(), "tree_root"
            if record["event"] == "key":
                new = base64.b64decode(record["public_key"])
                assert record["log_id"] == log_id, "log_id"
                statement = "roxy-core audit key change\n%s\n%d\n%s\n%s\n%s\n" % (
                    log_id, len(leaves), previous, base64.b64encode(key).decode(), record["public_key"])
                for public, name_of in ((key, "old_signature"), (new, "new_signature")):
                    assert ed25519_verifies(public, statement.encode(), base64.b64decode(record[name_of])), name_of
                key = new
            if record["event"] == "prune":
                statement = "roxy-core audit prune\n%s\n%d\n%d\n%s\n%s\n" % (
                    log_id, record["first_seq"], record["last_seq"], record["last_hash"], record["tree_root"])
                assert ed25519_verifies(key, statement.encode(), base64.b64decode(record["signature"])), "prune"
                assert record["tree_root"] == tree_hash(leaves[: record["last_seq"] + 1]).hex(), "pruned root"
            leaves.append(leaf_hash(line))
            previous = record["hash"]
    with open(os.path.join(folder, "orchestrator-audit.checkpoint"), encoding="utf-8", newline="") as file:
        checkpoint = read_checkpoint(file.read(), key)
    assert checkpoint["size"] <= len(leaves), "cut tail"
    assert checkpoint["root"] == tree_hash(leaves[: checkpoint["size"]]), "root"
    return {"records": len(leaves), "size": checkpoint["size"], "root": checkpoint["root"].hex(), "head": previous,
            "origin": checkpoint["origin"]}


def check_proof(path):
    with open(path, encoding="utf-8") as file:
        bundle = json.load(file)
    seqs = []
    for each in bundle["records"]:
        header, _, note = each["proof"].partition("\n\n")
        first, index, *hashes = header.split("\n")
        assert first == "c2sp.org/tlog-proof@v1", "first line"
        index = int(re.fullmatch(r"index (0|[1-9][0-9]*)", index)[1])
        checkpoint = read_checkpoint(note, base64.b64decode(bundle["public_key"]))
        path = [base64.b64decode(text, validate=True) for text in hashes]
        line = each["line"].encode()
        root = inclusion_root(index, checkpoint["size"], leaf_hash(line), path)
        assert root == checkpoint["root"], f"index {index}: root"
        assert json.loads(line)["seq"] == index, "seq"
        assert json.loads(line)["audit_id"] == bundle["audit_id"], "audit_id"
        seqs.append(index)
    return {"seqs": seqs}


def check_consistency(path):
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        (first, first_root), (second, second_root) = case["old"], case["new"]
        proof = [bytes.fromhex(each) for each in case["proof"]]
        assert consistent(first, bytes.fromhex(first_root), second, bytes.fromhex(second_root), proof), (first, second)
    return {"cases": len(cases)}


def roots(path):
    """Roots and audit paths of all trees over the given leaves (hex), for comparison."""
    with open(path, encoding="utf-8") as file:
        leaves = [leaf_hash(bytes.fromhex(each)) for each in json.load(file)]
    return {"roots": [tree_hash(leaves[:n]).hex() for n in range(len(leaves) + 1)],
            "paths": [[[h.hex() for h in audit_path(m, leaves[:n])] for m in range(n)] for n in range(len(leaves) + 1)]}


if __name__ == "__main__":
    check = {"log": check_log, "proof": check_proof, "consistency": check_consistency, "roots": roots}[sys.argv[1]]
    try:
        print(json.dumps({"ok": True, **check(sys.argv[2])}))
    except Exception as error:  # whatever fails, the verdict is no
        print(json.dumps({"ok": False, "what": f"{type(error).__name__}: {error}"}))
        sys.exit(1)
