/**
 * CityHash128 in its version 1.0.2, by which ClickHouse checks compressed blocks. The algorithm is Google's (Geoff Pike, Jyrki Alakuijala), the versions after it give other
 * values. Integers of 64 bits; about 30 ms for a block of 1 MiB.
 */
const K0 = 0xc3a5c85c97cb3127n, K1 = 0xb492b66fbe98f273n, K2 = 0x9ae16a3b2f90404fn, K3 = 0xc949d7c7509e6557n, MIX = 0x9ddfea08eb382d69n;
const MASK = 0xffff_ffff_ffff_ffffn;

const wrap = (value: bigint): bigint => value & MASK;
const rotate = (value: bigint, bits: bigint): bigint => (value >> bits) | ((value << (64n - bits)) & MASK);
const shiftMix = (value: bigint): bigint => value ^ (value >> 47n);

/** The two halves as they stand in front of a block: low, then high. */
export function cityHash128(bytes: Buffer): [low: bigint, high: bigint] {
  const { length } = bytes;
  if (length >= 16) return withSeed(bytes.subarray(16), bytes.readBigUInt64LE(0) ^ K3, bytes.readBigUInt64LE(8));
  if (length < 8) return withSeed(bytes, K0, K1);
  return withSeed(bytes.subarray(0, 0), bytes.readBigUInt64LE(0) ^ wrap(BigInt(length) * K0), bytes.readBigUInt64LE(length - 8) ^ K1);
}

function withSeed(bytes: Buffer, low: bigint, high: bigint): [bigint, bigint] {
  if (bytes.length < 128) return murmur(bytes, low, high);
  const at = (place: number): bigint => bytes.readBigUInt64LE(place);
  let x = low, y = high, z = wrap(BigInt(bytes.length) * K1);
  let v0 = wrap(rotate(y ^ K1, 49n) * K1 + at(0)), v1 = wrap(rotate(v0, 42n) * K1 + at(8));
  let w0 = wrap(rotate(wrap(y + z), 35n) * K1 + x), w1 = wrap(rotate(wrap(x + at(88)), 53n) * K1);

  let place = 0, left = bytes.length;
  for (let half = 0; left >= 128 || half === 1; half ^= 1) {
    x = wrap(rotate(wrap(x + y + v0 + at(place + 16)), 37n) * K1) ^ w1;
    y = wrap(rotate(wrap(y + v1 + at(place + 48)), 42n) * K1) ^ v0;
    z = rotate(z ^ w0, 33n);
    [v0, v1] = weak(bytes, place, wrap(v1 * K1), wrap(x + w0));
    [w0, w1] = weak(bytes, place + 32, wrap(z + w1), y);
    [z, x] = [x, z];
    place += 64;
    if (half === 1) left -= 128;
  }
  y = wrap(y + rotate(w0, 37n) * K0 + z);
  x = wrap(x + rotate(wrap(v0 + z), 49n) * K0);
  // What is left, in pieces of 32 bytes from the end; the last of them may reach into what has been hashed.
  for (let done = 32; done < left + 32; done += 32) {
    const tail = bytes.length - done;
    y = wrap(rotate(wrap(y - x), 42n) * K0 + v1);
    w0 = wrap(w0 + at(tail + 16));
    x = wrap(rotate(x, 49n) * K0 + w0);
    w0 = wrap(w0 + v0);
    [v0, v1] = weak(bytes, tail, v0, v1);
  }
  x = mix(x, v0);
  y = mix(y, w0);
  return [wrap(mix(wrap(x + v1), w1) + y), mix(wrap(x + w1), wrap(y + v1))];
}

/** For less than 128 bytes. */
function murmur(bytes: Buffer, low: bigint, high: bigint): [bigint, bigint] {
  const { length } = bytes;
  let a = low, b = high, c, d;
  if (length <= 16) {
    a = wrap(shiftMix(wrap(a * K1)) * K1);
    c = wrap(b * K1 + upTo16(bytes));
    d = shiftMix(wrap(a + (length >= 8 ? bytes.readBigUInt64LE(0) : c)));
  } else {
    c = mix(wrap(bytes.readBigUInt64LE(length - 8) + K1), a);
    d = mix(wrap(b + BigInt(length)), wrap(c + bytes.readBigUInt64LE(length - 16)));
    a = wrap(a + d);
    for (let place = 0; place < length - 16; place += 16) {
      a = wrap((a ^ wrap(shiftMix(wrap(bytes.readBigUInt64LE(place) * K1)) * K1)) * K1);
      b ^= a;
      c = wrap((c ^ wrap(shiftMix(wrap(bytes.readBigUInt64LE(place + 8) * K1)) * K1)) * K1);
      d ^= c;
    }
  }
  a = mix(a, c);
  b = mix(d, b);
  return [a ^ b, mix(b, a)];
}

function upTo16(bytes: Buffer): bigint {
  const { length } = bytes;
  if (length > 8) {
    const last = bytes.readBigUInt64LE(length - 8);
    return mix(bytes.readBigUInt64LE(0), rotate(wrap(last + BigInt(length)), BigInt(length))) ^ last;
  }
  if (length >= 4) return mix(BigInt(length) + (BigInt(bytes.readUInt32LE(0)) << 3n), BigInt(bytes.readUInt32LE(length - 4)));
  if (length === 0) return K2;
  const y = BigInt(bytes[0]! + bytes[length >> 1]! * 256), z = BigInt(length + bytes[length - 1]! * 4);
  return wrap(shiftMix(wrap(y * K2) ^ wrap(z * K3)) * K2);
}

/** Two numbers into one. */
function mix(low: bigint, high: bigint): bigint {
  const a = shiftMix(wrap((low ^ high) * MIX));
  return wrap(shiftMix(wrap((high ^ a) * MIX)) * MIX);
}

/** 32 bytes and two seeds into two numbers. */
function weak(bytes: Buffer, place: number, seed0: bigint, seed1: bigint): [bigint, bigint] {
  const z = bytes.readBigUInt64LE(place + 24), a = wrap(seed0 + bytes.readBigUInt64LE(place)), b = rotate(wrap(seed1 + a + z), 21n);
  const sum = wrap(a + bytes.readBigUInt64LE(place + 8) + bytes.readBigUInt64LE(place + 16));
  return [wrap(sum + z), wrap(b + rotate(sum, 44n) + a)];
}
